from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Severity, Status
from orchestrator.dataset.looked import Looked
from orchestrator.dataset.pixels.faces import NO_OPENCV
from orchestrator.dataset.pixels.model import Face
from orchestrator.diagnose.framed import framed
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules import framing_imbalance
from orchestrator.diagnose.rules.framing_imbalance import RULE
from orchestrator.report.dataset_page.framings import framing_of
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture
from tests.diagnose.looked_at import SOUND

if TYPE_CHECKING:
    import pytest

BIG, MIDDLE, SMALL = (Face(0.3, 0.1, 0.7, 0.1 + share) for share in (0.5, 0.2, 0.05))


def _case(kind: str | None = "character", **counts: int) -> Case:
    words = [name.replace("_", " ") for name, count in counts.items() for _ in range(count)]
    pictures = [picture(f"{i:03}.png", f"alicexyz, smile, {word}") for i, word in enumerate(words)]
    return Case(dataset=dataset(folder(pictures)), kind=kind)


def _with_faces(kind: str, *faces: Face | None) -> Case:
    pictures = [picture(f"{i:03}.png", "alicexyz, smile") for i in range(len(faces))]
    facts = {
        p.path: replace(SOUND, faces=() if face is None else (face,)) for p, face in zip(pictures, faces, strict=True)
    }
    return Case(dataset=replace(dataset(folder(pictures)), looked=Looked(facts)), kind=kind)


def test_heads_only_are_told_with_their_counts() -> None:
    finding = catches(RULE, _case(portrait=18, upper_body=2), Severity.WATCH)
    assert "18 head, 2 upper body, 0 full body." in finding.message.en
    assert "头部特写 18 张" in finding.message.zh
    assert [fact.value for fact in finding.evidence] == [90, 0, 20, 0]
    assert (len(finding.paths), finding.confidence) == (18, Confidence.MEDIUM)


def test_any_framing_may_be_in_excess() -> None:
    finding = catches(RULE, _case("person", full_body=19, portrait=1), Severity.WATCH)
    assert "most frequent framing, full body" in finding.evidence[0].what.en


def test_no_full_body_matters_more_to_a_character() -> None:
    for kind, severity in (("character", Severity.WATCH), ("person", Severity.INFO), (None, Severity.INFO)):
        finding = catches(RULE, _case(kind, portrait=10, upper_body=10), severity)
        assert finding.paths == ()
        assert finding.why is not None
        assert "footwear" in finding.why.en


def test_a_set_without_near_faces_is_mentioned() -> None:
    catches(RULE, _case(upper_body=12, full_body=12), Severity.INFO)


def test_a_mixed_set_is_fine() -> None:
    finding = catches_not(RULE, _case(portrait=12, upper_body=10, full_body=8), Status.CLEAR)
    assert "12 head, 10 upper body, 8 full body" in finding.message.en


def test_three_of_four_may_have_one_framing() -> None:
    catches_not(RULE, _case(portrait=15, upper_body=3, full_body=2), Status.CLEAR)


def test_repeats_balance_a_set() -> None:
    near = [picture(f"{i:03}.png", "alicexyz, portrait") for i in range(16)]
    far = [picture(f"{i:03}.png", "alicexyz, full body") for i in range(16, 20)]
    folders = [
        folder(pictures, image_dir=Path(f"pictures/{repeats}_alicexyz{repeats}"))
        for pictures, repeats in ((near, 2), (far, 8))
    ]
    catches_not(RULE, Case(dataset=dataset(*folders), kind="character"), Status.CLEAR)
    catches(RULE, Case(dataset=dataset(folder([*near, *far])), kind="character"), Severity.WATCH)


def test_captions_that_say_nothing_leave_it_open_with_what_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing_imbalance, "why_not", lambda: NO_OPENCV)
    finding = catches_not(RULE, _case(portrait=5, smile=15), Status.INCONCLUSIVE)
    assert finding.needs is not None
    assert "in 5 more captions" in finding.needs.en
    assert "faces" not in finding.needs.en
    finding = catches_not(RULE, _case("person", smile=20), Status.INCONCLUSIVE)
    assert finding.needs is not None
    assert "lora-orchestrator[faces]" in finding.needs.en
    assert "lora-orchestrator[faces]" in finding.needs.zh


def test_the_extra_is_not_asked_for_where_it_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing_imbalance, "why_not", lambda: "")
    finding = catches_not(RULE, _case("person", smile=20), Status.INCONCLUSIVE)
    assert finding.needs is not None
    assert "pip install" not in finding.needs.en + finding.needs.zh
    assert "`lora-run dataset check`, which finds faces" in finding.needs.en


def test_half_known_is_a_verdict_of_low_confidence() -> None:
    assert catches(RULE, _case(portrait=12, smile=12)).confidence is Confidence.LOW


def test_faces_tell_it_of_photographs_of_a_person() -> None:
    finding = catches(RULE, _with_faces("person", *[BIG] * 18, MIDDLE, None), Severity.WATCH)
    assert "18 head, 1 upper body, 0 full body, 1 unknown." in finding.message.en
    assert [fact.value for fact in finding.evidence][2:] == [0, 19]
    catches_not(RULE, _with_faces("person", *[BIG] * 7, *[MIDDLE] * 7, *[SMALL] * 6), Status.CLEAR)


def test_where_faces_were_looked_for_the_extra_is_not_asked_for_again() -> None:
    finding = catches_not(RULE, _with_faces("person", *[None] * 20), Status.INCONCLUSIVE)
    assert finding.needs is not None
    assert "faces" not in finding.needs.en


def test_faces_on_drawings_are_no_verdict() -> None:
    drawn = _with_faces("character", *[BIG] * 20)
    catches_not(RULE, drawn, Status.INCONCLUSIVE)
    assert {one.framing.confidence for one in framed(drawn)} == {0.0}
    assert set(framing_of(drawn).values()) == {"unsaid"}


def test_pictures_without_people_do_not_count() -> None:
    catches_not(RULE, _case(portrait=6, upper_body=4, full_body=4, no_humans=30), Status.CLEAR)


def test_other_kinds_and_small_sets_are_not_asked() -> None:
    catches_not(RULE, _case("style", portrait=20), Status.NOT_APPLICABLE)
    catches_not(RULE, _case(portrait=9), Status.NOT_APPLICABLE)
    catches_not(RULE, _case(None, smile=20), Status.NOT_APPLICABLE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
