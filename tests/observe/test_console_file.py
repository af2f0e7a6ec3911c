from __future__ import annotations

import math
import random
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.observe import console_file
from orchestrator.observe.console_file import BLOCK_BYTES, MAX_EVENTS_PER_KIND, MAX_POINTS, ConsoleReading, read_console

if TYPE_CHECKING:
    from collections.abc import Iterable

LOGS = Path(__file__).parents[1] / "logs"
RUNS = sorted(path.parent.name for path in LOGS.glob("*/console.log"))
HEAD = "running training / 学習開始\n  total optimization steps / 学習ステップ数: {total}\n"
RELAXED = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def bar(step: int, total: int, loss: str = "0.1") -> str:
    return f"steps: {100 * step // total:3d}%|█▌        | {step}/{total} [00:06<01:42,  1.30s/it, avr_loss={loss}]"


def read(tmp_path: Path, data: bytes | str) -> ConsoleReading:
    path = tmp_path / "console.log"
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return read_console(path)


def outline(reading: ConsoleReading) -> tuple[object, ...]:
    events = [(e.kind, str(e.values), e.line_number) for e in reading.events]
    return events, reading.progress.steps, [repr(x) for x in reading.progress.avr_loss], dict(reading.facts)


@pytest.mark.parametrize("name", RUNS)
def test_real_logs_give_the_counts_and_every_step(name: str) -> None:
    reading = read_console(LOGS / name / "console.log")
    total = reading.facts["total_steps"]
    assert isinstance(total, int)
    assert list(reading.progress.steps) == list(range(1, total + 1))
    assert reading.facts["last_step"] == total
    assert reading.facts["model_saved"] == 1
    assert reading.facts["te_modules"] == 12
    assert reading.facts["unet_modules"] == 192
    saved = [e.values["path"] for e in reading.events if e.kind == "checkpoint-saved"]
    assert all(str(path).endswith(".safetensors") for path in saved)
    assert reading.notes == ()


def test_a_wrapped_log_reads_like_a_wide_one() -> None:
    wrapped = read_console(LOGS / "healthy-validated" / "console.log")
    folder = next(e for e in wrapped.events if e.kind == "folder-found")
    assert folder.values == {"path": "/data/sets/trophy-20-10-11/10_glxtrophy", "images": 16, "level": "INFO"}
    keys = {e.values["key"] for e in wrapped.events if e.kind == "dataset-setting"}
    wide = read_console(LOGS / "wide-console" / "console.log")
    assert {"caption_dropout_every_n_epochs", "image_dir", "num_repeats"} <= keys
    assert keys <= {e.values["key"] for e in wide.events if e.kind == "dataset-setting"}


def test_validation_passes_of_a_real_log_are_counted_once() -> None:
    reading = read_console(LOGS / "healthy-validated" / "console.log")
    passes = [e.values for e in reading.events if e.kind == "validation-loss"]
    assert sum(v["is_epoch"] for v in passes) == 5
    assert sum(not v["is_epoch"] for v in passes) == 4


def test_the_first_nan_is_named() -> None:
    reading = read_console(LOGS / "nan" / "console.log")
    assert (reading.facts["last_finite_step"], reading.facts["first_nan_step"]) == (2, 3)
    assert "first_nan_step" not in read_console(LOGS / "healthy" / "console.log").facts


def test_prompts_and_samples_are_in_order() -> None:
    events = read_console(LOGS / "wide-console" / "console.log").events
    assert [e.values["step"] for e in events if e.kind == "sampling"] == [0, 9, 18, 27, 36]
    assert next(e for e in events if e.kind == "sample-prompt").values["prompt"] == "glyph man, red shirt"


def test_the_last_value_of_each_step_counts(tmp_path: Path) -> None:
    lines = [bar(1, 5, "0.5"), bar(2, 5, "0.5"), bar(2, 5, "0.4"), bar(3, 5, "nan")]
    progress = read(tmp_path, HEAD.format(total=5) + "\r" + "\r".join(lines)).progress
    assert list(progress.steps) == [1, 2, 3]
    assert list(progress.avr_loss)[:2] == [0.5, 0.4]
    assert math.isnan(progress.avr_loss[2])
    assert progress.rates[0] == pytest.approx(1 / 1.3)


@pytest.mark.parametrize(
    "fake",
    [
        "\nprompt: " + bar(5, 5) + "\n",
        "\r" + bar(9, 9) + "\r",
        "\ncaption \r" + bar(7, 7) + "\n",
        "\n" + bar(6, 5) + "\n",
        "\nvalidation " + bar(5, 5) + "\n",
        "\n                             " + bar(5, 5) + "\n",
    ],
)
def test_bars_that_are_not_the_trainers_do_not_count(tmp_path: Path, fake: str) -> None:
    reading = read(tmp_path, HEAD.format(total=5) + "\r" + bar(1, 5) + fake + bar(2, 5) + "\n")
    assert list(reading.progress.steps) == [1, 2]


def test_nested_bars_and_glued_messages_are_read(tmp_path: Path) -> None:
    text = HEAD.format(total=3) + "\r" + bar(1, 3) + "NaN found in latents, replacing with zeros\r" + bar(1, 3, "0.3")
    text += (
        "\n\repoch validation steps:   0%|          | 0/4 [00:00<?, ?it/s]\x1b[A\r" + bar(2, 3) + "   \r" + bar(3, 3)
    )
    text += "2026-11-21 01:00:00 INFO     model saved.                    train_network.py:1729\n"
    reading = read(tmp_path, text)
    assert list(reading.progress.steps) == [1, 2, 3]
    assert [e.kind for e in reading.events] == ["training-started", "total-steps", "nan-latents", "model-saved"]
    assert reading.facts["nan_latents_lines"] == 1


@RELAXED
@given(cuts=st.lists(st.integers(0, 3 * BLOCK_BYTES), max_size=8), pad=st.integers(0, 2 * BLOCK_BYTES))
def test_where_blocks_are_cut_changes_nothing(tmp_path: Path, cuts: list[int], pad: int) -> None:
    # The padding moves every block boundary to another place of the same log.
    text = (LOGS / "undertrained" / "console.log").read_bytes()
    filler = b"".join(b"x" * (cut % 5000) + b"\n" for cut in cuts) + b"y" * pad + b"\n"
    whole, moved = read(tmp_path, text), read(tmp_path, filler + text)
    shift = len(cuts) + 1
    assert [(e.kind, e.values, e.line_number + shift) for e in whole.events] == [
        (e.kind, e.values, e.line_number) for e in moved.events
    ]
    assert whole.progress == moved.progress
    assert whole.facts == moved.facts


@RELAXED
@given(
    st.lists(
        st.sampled_from(
            [
                "\r",
                "\n",
                "\r\n",
                "steps: ",
                bar(1, 5),
                bar(3, 5),
                "model saved.",
                "\x1b[A",
                " " * 29,
                "|",
                "初",
                "Traceback (most recent call last):",
                "ValueError: x",
                "2026-11-21 01:00:00 INFO     x",
                "epoch 1/2",
            ]
        )
    )
)
def test_any_mix_of_pieces_is_read(tmp_path: Path, pieces: list[str]) -> None:
    reading = read(tmp_path, HEAD.format(total=5) + "".join(pieces))
    assert set(reading.progress.steps) <= {1, 3}
    assert all(e.line_number >= 1 for e in reading.events)


@RELAXED
@given(st.binary(max_size=4000))
def test_any_bytes_are_read(tmp_path: Path, data: bytes) -> None:
    reading = read(tmp_path, data)
    assert len(reading.progress.steps) == 0
    assert all(1 <= event.line_number <= len(data) for event in reading.events)


def test_random_bytes_by_the_megabyte(tmp_path: Path) -> None:
    reading = read(tmp_path, random.Random(5).randbytes(2_000_000))
    assert len(reading.progress.steps) == 0


@pytest.mark.parametrize("encoding", ["cp932", "gbk"])
def test_a_log_in_another_encoding_gives_the_same_steps(tmp_path: Path, encoding: str) -> None:
    text = (LOGS / "undertrained" / "console.log").read_text(encoding="utf-8")
    plain, other = read(tmp_path, text), read(tmp_path, text.replace("\u258f", "#").encode(encoding, "replace"))
    assert plain.progress.steps == other.progress.steps
    assert plain.facts == other.facts


def test_a_line_without_an_end_costs_no_memory(tmp_path: Path) -> None:
    reading = read(tmp_path, b"model saved.\n" + b"z" * (40 * BLOCK_BYTES) + b"\nmodel saved.\n")
    assert [e.kind for e in reading.events] == ["model-saved", "model-saved"]
    assert reading.notes == ("1 lines of more than 8192 bytes were cut",)


def test_more_steps_than_are_kept_are_thinned_evenly_and_said(tmp_path: Path) -> None:
    total = MAX_POINTS + MAX_POINTS // 2
    reading = read(
        tmp_path,
        HEAD.format(total=total)
        + "\r".join(bar(step, total, "nan" if step == 77_777 else "0.1") for step in range(total + 1)),
    )
    steps = reading.progress.steps
    assert len(steps) <= MAX_POINTS + 1
    assert {b - a for a, b in pairwise(steps[:-1])} == {2}
    assert steps[-1] == reading.facts["last_step"] == total
    assert reading.facts["first_nan_step"] == 77_777
    assert "evenly spaced" in reading.notes[0]


def test_repeated_warnings_are_counted_not_hoarded(tmp_path: Path) -> None:
    count = MAX_EVENTS_PER_KIND + 50
    reading = read(tmp_path, "NaN found in latents, replacing with zeros\n" * count)
    assert len(reading.events) == MAX_EVENTS_PER_KIND
    assert reading.facts["nan_latents_lines"] == count
    assert reading.notes == ("50 more lines of kind nan-latents were counted, not kept",)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_numbers_count_every_kind_of_line_end(tmp_path: Path, end: str) -> None:
    lines: Iterable[str] = ["x", "model saved.", "", "running training", "epoch 1/2"]
    assert [e.line_number for e in read(tmp_path, end.join(lines)).events] == [2, 4, 5]


def test_a_missing_log_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_console(tmp_path / "none.log")


def test_of_endless_text_the_beginning_and_the_end_are_read_and_the_bar_throughout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console_file, "MAX_TEXT_LINES", 2000)
    monkeypatch.setattr(console_file, "END_BYTES", 20_000)
    text = [f"said by a library, for the {n}th time" for n in range(20_000)]
    for at, word in ((10, "NaN found in latents"), (10_000, "NaN found in latents"), (19_990, "model saved.")):
        text[at] = word
    text[10_001] = bar(7, 20, "nan")
    reading = read(tmp_path, HEAD.format(total=20) + "\n".join(text) + "\n")
    assert [(e.kind, e.line_number) for e in reading.events if e.line_number > 2] == [
        ("nan-latents", 13),
        ("model-saved", 19_993),
    ]
    assert (list(reading.progress.steps), reading.facts["first_nan_step"]) == ([7], 7)
    assert "only the bar was read in" in reading.notes[0]
