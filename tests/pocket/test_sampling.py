"""Prompt lines and when samples are due."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("torch", reason="the pocket extra is not installed")

from orchestrator.backends.pocket.options import SAMPLERS
from orchestrator.backends.pocket.trainer.model import load_model
from orchestrator.backends.pocket.trainer.sampling import _is_due, draw_sample, make_sampler, parse_prompt, read_prompts

if TYPE_CHECKING:
    from pathlib import Path


def test_flags_are_read_in_any_order_and_unknown_ones_are_dropped() -> None:
    line = "glx thing, on a hill --h 96 --w 64 --foo 3 --l 4.5 --s 5000 --d 12 --n dull, grey --ss euler_a"
    assert parse_prompt(line) == {
        "prompt": "glx thing, on a hill", "height": 96, "width": 64, "scale": 4.5, "sample_steps": 1000, "seed": 12,
        "negative_prompt": "dull, grey", "sample_sampler": "euler_a",
    }  # fmt: skip


def test_a_negative_seed_is_no_seed() -> None:
    assert "seed" not in parse_prompt("a --d -1")


def test_only_a_line_that_starts_with_a_hash_is_a_comment(tmp_path: Path) -> None:
    path = tmp_path / "p.txt"
    path.write_text("# no\n\n # yes\na cup --d 1\n", encoding="utf-8")
    assert [values["prompt"] for values in read_prompts(path)] == ["# yes", "a cup"]


def test_when_samples_are_due() -> None:
    args = Namespace(sample_at_first=False, sample_every_n_steps=5, sample_every_n_epochs=None)
    assert [step for step in range(12) if _is_due(args, step, None)] == [5, 10]
    assert not _is_due(args, 5, 1)
    args = Namespace(sample_at_first=True, sample_every_n_steps=5, sample_every_n_epochs=2)
    assert _is_due(args, 0, 0)
    assert not _is_due(args, 5, None)
    assert [epoch for epoch in range(1, 5) if _is_due(args, 7, epoch)] == [2, 4]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # diffusers' schedulers use numpy's older habits
def test_every_sampler_draws_and_a_seed_is_repeatable() -> None:
    model = load_model("pocket")
    for name in SAMPLERS:
        make_sampler(model, name)
        first, second = (
            draw_sample(model, "a red ball", sample_steps=3, scale=2, seed=5, sampler=name, width=64, height=96)
            for _ in range(2)
        )
        assert first.size == (64, 96)
        assert first.tobytes() == second.tobytes(), name
