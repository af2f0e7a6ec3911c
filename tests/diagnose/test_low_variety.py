from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from orchestrator.core.finding import Finding, Severity, Status
from orchestrator.dataset.looked import Copy, CopyGroup, Looked
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.low_variety import RULE
from orchestrator.diagnose.signals.likeness import RIM, largest_group
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture
from tests.diagnose.looked_at import SOUND, looked_at, not_looked_at, path

NAMES = ("background", "light", "colour")


def _pictures(count: int = 20, *, same: tuple[str, ...] = (), seed: int = 1) -> list[dict[str, Any]]:
    """Return facts that vary, but for what is to be the same."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        tone, tint = rng.uniform(40, 200, 16), rng.uniform(-30, 30, 2)
        cells = np.stack([tone, np.full(16, 128 + tint[0]), np.full(16, 128 + tint[1])], axis=1)
        cells[:, 1:] += rng.normal(0, 2, (16, 2))
        if "colour" in same:
            cells[:, 1:] += (110, 150) - cells[:, 1:].mean(axis=0)
        if "background" in same:
            # Other colours in the middle, so that the mean varies all the same.
            cells[list(RIM)] = rng.normal((90, 120, 140), 3, (len(RIM), 3))
            cells[[i for i in range(16) if i not in RIM], 1:] = 128 + 2 * tint
        p50, contrast = (110.0, 50.0) if "light" in same else (rng.uniform(30, 220), rng.uniform(20, 90))
        layout = cells.clip(0, 255).round().astype(np.uint8).tobytes()
        found.append({"layout": layout, "p50": float(p50), "contrast": float(contrast)})
    return found


def _case(pictures: list[dict[str, Any]], kind: str | None = "character", groups: tuple[CopyGroup, ...] = ()) -> Case:
    shown = [picture(f"{i:03}.png") for i in range(len(pictures))]
    facts = {one.path: replace(SOUND, **changes) for one, changes in zip(shown, pictures, strict=True)}
    return Case(dataset=replace(dataset(folder(shown)), looked=Looked(facts, groups)), kind=kind)


def _narrow(finding: Finding) -> set[str]:
    return {name for name in NAMES if f"{name} (" in finding.message.en}


@pytest.mark.parametrize("name", NAMES)
def test_each_of_the_three_is_told_apart(name: str) -> None:
    finding = catches(RULE, _case(_pictures(same=(name,))), Severity.WATCH)
    assert _narrow(finding) == {name}
    assert len(finding.paths) == 20


def test_several_at_once_are_one_finding() -> None:
    finding = catches(RULE, _case(_pictures(same=("light", "background"))))
    assert _narrow(finding) == {"light", "background"}
    assert "in other places, in other light" in (finding.fix.advice.en if finding.fix else "")


def test_a_varied_set_is_clear_and_says_what_was_not_measured() -> None:
    finding = catches_not(RULE, _case(_pictures()), Status.CLEAR)
    assert "Poses were not measured" in finding.message.en


def test_most_of_a_set_is_enough() -> None:
    catches(RULE, _case([*_pictures(14, same=("background",)), *_pictures(6, seed=2)]))
    catches_not(RULE, _case([*_pictures(11, same=("background",)), *_pictures(9, seed=2)]), Status.CLEAR)


@pytest.mark.parametrize("kind", ["style", None])
def test_a_style_may_live_from_one_light_or_palette(kind: str | None) -> None:
    catches(RULE, _case(_pictures(same=("light",)), kind), Severity.INFO)
    catches(RULE, _case(_pictures(same=("colour",)), kind), Severity.INFO)
    catches(RULE, _case(_pictures(same=("background",)), kind), Severity.WATCH)


def test_copies_count_once() -> None:
    pictures = [*_pictures(10), *_pictures(1, same=("background",), seed=3) * 25]
    copies = tuple(Copy(path(i), "crop", is_mirrored=False, likeness=0.99) for i in range(11, 35))
    catches(RULE, _case(pictures))
    finding = catches_not(RULE, _case(pictures, groups=(CopyGroup(path(10), copies),)), Status.CLEAR)
    assert finding.evidence[-1].value == 24


def test_plain_backgrounds_are_another_rules() -> None:
    plain = [{**one, "background_share": 0.7} for one in _pictures(30, same=NAMES)]
    catches_not(RULE, _case([*plain, *_pictures(12)]), Status.CLEAR)
    catches_not(RULE, _case([*plain, *_pictures(9)]), Status.NOT_APPLICABLE)


def test_grey_pictures_have_no_colour_to_vary() -> None:
    grey = [{**one, "chroma": 2.0} for one in _pictures(same=("colour",))]
    finding = catches_not(RULE, _case(grey), Status.CLEAR)
    assert "colour" not in finding.message.en


def test_edit_pairs_and_what_nobody_looked_at_are_not_asked() -> None:
    catches_not(RULE, _case(_pictures(same=NAMES), "edit"), Status.NOT_APPLICABLE)
    catches_not(RULE, not_looked_at(), Status.NOT_APPLICABLE)
    catches_not(RULE, looked_at(*_pictures(same=NAMES), is_whole=False), Status.NOT_APPLICABLE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)


def test_large_sets_are_looked_at_around_evenly_taken_pictures() -> None:
    points = np.concatenate([np.zeros((700, 2)), np.random.default_rng(1).uniform(50, 900, (300, 2))])
    assert largest_group(points, 5.0) == list(range(700))
    assert largest_group(np.zeros((0, 2)), 5.0) == []
