from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.duplicate_tag import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture


def _case(captions: list[str]) -> Case:
    pictures = [picture(f"{i}.png", caption) for i, caption in enumerate(captions)]
    return Case(dataset=dataset(folder(pictures)))


def test_a_tag_that_stands_twice_is_named_whatever_its_spelling() -> None:
    finding = catches(
        RULE, _case(["a girl, solo, smile", "zxq, solo, Long_Hair, sky, (long hair:1.2)"]), Severity.WATCH
    )
    assert [path.name for path in finding.paths] == ["1.png"]
    assert "`long hair`" in finding.message.en


def test_faces_and_parts_of_other_tags_are_no_repeats() -> None:
    catches_not(RULE, _case(["zxq, hair, long hair, hair ribbon, o_o, :o"]), Status.CLEAR)


def test_sentences_may_repeat_words() -> None:
    catches_not(
        RULE, _case(["a girl in a red hat, a girl in a red hat, and a dog with the hat"]), Status.NOT_APPLICABLE
    )
