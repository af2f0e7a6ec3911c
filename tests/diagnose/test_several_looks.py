from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.several_looks import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture
from tests.diagnose.clean_captions import TAGS

ARMOR = "armor, gauntlets, cape, boots"
UNIFORM = "school uniform, pleated skirt, white shirt, loafers"


def _case(*captions: str, kind: str = "character") -> Case:
    pictures = [picture(f"{i:02}.png", caption) for i, caption in enumerate(captions)]
    return Case(dataset=dataset(folder(pictures)), kind=kind)


def _looks(first: str, second: str, of_second: int = 8, count: int = 20) -> Case:
    return _case(*(f"alicexyz, 1girl, solo, smile, {second if i < of_second else first}" for i in range(count)))


def test_two_hair_colours_under_one_trigger_are_told() -> None:
    finding = catches(RULE, _looks("blonde hair", "black_hair"), Severity.WATCH)
    assert [(fact.what.en, fact.value) for fact in finding.evidence] == [
        ("black or brown hair", 40),
        ("blonde hair", 60),
    ]
    assert [path.name for path in finding.paths] == [f"{i:02}.png" for i in range(8)]


def test_two_lengths_and_two_whole_outfits_are_told() -> None:
    assert "`short hair` (8)" in catches(RULE, _looks("long hair", "short hair")).message.en
    assert "gauntlets" in catches(RULE, _looks(UNIFORM, ARMOR)).message.en


def test_a_word_of_its_own_for_each_look_but_one_is_enough() -> None:
    catches_not(RULE, _looks("blonde hair", "alicedark, black hair"), Status.CLEAR)
    catches(RULE, _looks("blonde hair", "serious, black hair"))  # a word of every vocabulary is none


def test_colours_that_taggers_mix_up_and_hair_of_two_colours_are_one_look() -> None:
    catches_not(RULE, _looks("black hair", "brown hair"), Status.CLEAR)
    catches_not(RULE, _looks("blonde hair", "black hair, two-tone hair"), Status.CLEAR)


def test_a_few_odd_captions_are_no_look() -> None:
    catches_not(RULE, _looks("blonde hair", "black hair", of_second=3), Status.CLEAR)


def test_changing_clothes_are_wanted() -> None:
    catches_not(RULE, _looks("blue dress", "red dress"), Status.CLEAR)
    catches_not(RULE, _case(*TAGS), Status.CLEAR)


def test_several_people_in_a_picture_have_several_looks() -> None:
    catches_not(RULE, _case(*[f"alicexyz, 2girls, {c} hair" for c in ("blonde", "black") * 8]), Status.NOT_APPLICABLE)


def test_other_kinds_and_small_sets_are_not_asked() -> None:
    captions = [f"inkxyz, 1girl, {colour} hair, smile" for colour in ("blonde", "black") * 8]
    catches_not(RULE, _case(*captions, kind="style"), Status.NOT_APPLICABLE)
    catches_not(RULE, _case(*captions[:9]), Status.NOT_APPLICABLE)
    catches_not(RULE, Case(), Status.NOT_APPLICABLE)
