from __future__ import annotations

from typing import Any

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.trigger_not_first import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture, plan, subset


def _case(captions: list[str], general: dict[str, Any] | None = None, **options: Any) -> Case:
    pictures = [picture(f"{i}.png", caption) for i, caption in enumerate(captions)]
    return Case(plan=plan(general=general, subsets=(subset(**options),)), dataset=dataset(folder(pictures)))


def test_shuffling_without_keeping_is_one_safe_change() -> None:
    finding = catches(RULE, _case(["alicexyz, smile"], {"shuffle_caption": True, "keep_tokens": 0}), Severity.FIX)
    assert finding.fix is not None
    assert [(c.key, c.value, c.is_safe) for c in finding.fix.changes] == [("dataset.keep_tokens", 1, True)]


def test_a_subset_may_shuffle_on_its_own() -> None:
    catches(RULE, _case(["alicexyz, smile"], shuffle_caption=True), Severity.FIX)
    catches_not(RULE, _case(["alicexyz, smile"], shuffle_caption=True, keep_tokens=1), Status.CLEAR)


def test_not_first_is_only_told_unless_tags_are_shuffled() -> None:
    captions = ["smile, hat, alicexyz", "alicexyz"]
    catches(RULE, _case(captions, {"shuffle_caption": True, "keep_tokens": 1}), Severity.WATCH)
    catches(RULE, _case(captions, {"shuffle_caption": False}), Severity.INFO)


def test_sentences_need_the_word_anywhere() -> None:
    captions = ["a photo of alicexyz sitting on the stairs of an old house"]
    catches_not(RULE, _case(captions, {"shuffle_caption": False}), Status.CLEAR)


def test_captions_without_the_trigger_are_told_elsewhere() -> None:
    catches_not(RULE, _case(["smile, hat, sky"], {"shuffle_caption": True, "keep_tokens": 1}), Status.CLEAR)


def test_a_prefix_stands_in_front() -> None:
    catches_not(RULE, _case(["smile, hat, alicexyz"], {"caption_prefix": "alicexyz, "}), Status.CLEAR)


def test_without_a_trigger_nothing_is_asked() -> None:
    catches_not(RULE, Case(plan=plan(trigger=None), dataset=dataset()), Status.NOT_APPLICABLE)
