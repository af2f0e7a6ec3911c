from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.mixed_caption_style import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture
from tests.diagnose.clean_captions import SENTENCES, TAGS


def _case(captions: list[str]) -> Case:
    pictures = [picture(f"{i}.png", caption) for i, caption in enumerate(captions)]
    return Case(dataset=dataset(folder(pictures)))


def test_the_rarer_kind_is_named() -> None:
    finding = catches(RULE, _case([*TAGS[:20], *SENTENCES[:5]]), Severity.WATCH)
    assert [path.name for path in finding.paths] == [f"{i}.png" for i in range(20, 25)]


def test_one_or_two_strangers_harm_nobody() -> None:
    catches_not(RULE, _case([*TAGS, *SENTENCES[:2]]), Status.CLEAR)
    catches_not(RULE, _case([*TAGS, "zxq", "zxq girl", "zxq man", "zxq dog"]), Status.CLEAR)


def test_without_captions_nothing_is_asked() -> None:
    catches_not(RULE, Case(dataset=dataset(folder([picture(caption=None)]))), Status.NOT_APPLICABLE)
