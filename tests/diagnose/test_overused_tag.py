from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.overused_tag import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture, recipe


def _case(captions: list[str], kind: str = "character") -> Case:
    pictures = [picture(f"{i}.png", caption) for i, caption in enumerate(captions)]
    return Case(
        recipe=recipe(subject={"kind": kind, "trigger": "alicexyz", "class_tokens": "girl"}),
        dataset=dataset(folder(pictures)),
    )


PLACES = ("city", "forest", "beach", "sky", "room")


def _set(tag: str, share: float, count: int = 30, **more: str) -> Case:
    return _case(
        [f"alicexyz, 1girl, solo, {PLACES[i % 5]}" + (f", {tag}" if i < share * count else "") for i in range(count)],
        **more,
    )


def test_a_tag_on_most_captions_is_named_with_its_pictures() -> None:
    finding = catches(RULE, _set("looking at viewer", 0.8), Severity.WATCH)
    assert "`looking at viewer`" in finding.message.en
    assert len(finding.paths) == 24
    assert [(fact.source, fact.value) for fact in finding.evidence] == [("looking at viewer", 80)]


def test_up_to_three_quarters_it_is_only_mentioned() -> None:
    catches(RULE, _set("looking at viewer", 0.7), Severity.INFO)


def test_up_to_sixty_percent_is_no_fault() -> None:
    catches_not(RULE, _set("looking at viewer", 0.6), Status.CLEAR)


def test_a_small_set_must_be_out_of_reach_of_chance() -> None:
    catches_not(RULE, _set("smile", 0.7, 10), Status.CLEAR)
    catches(RULE, _set("smile", 0.9, 10), Severity.WATCH)
    catches_not(RULE, _set("smile", 1, 9), Status.NOT_APPLICABLE)


def test_trigger_counts_and_quality_are_meant() -> None:
    catches_not(RULE, _set("masterpiece", 1), Status.CLEAR)


def test_class_tokens_are_meant_with_an_article_too() -> None:
    catches_not(RULE, _set("a girl", 1), Status.CLEAR)


def test_clothes_of_a_character_are_only_mentioned_and_traits_are_told_elsewhere() -> None:
    catches(RULE, _set("red dress", 1), Severity.INFO)
    catches_not(RULE, _set("red hair", 1), Status.CLEAR)
    catches(RULE, _set("red hair", 1, kind="style"), Severity.WATCH)


def test_without_a_recipe_the_word_in_front_counts_as_the_trigger() -> None:
    pictures = [
        picture(f"{i}.png", f"zxqword, {PLACES[i % 5]}, smile" if i % 2 else f"zxqword, {PLACES[i % 5]}, sad")
        for i in range(20)
    ]
    catches_not(RULE, Case(dataset=dataset(folder(pictures))), Status.CLEAR)
