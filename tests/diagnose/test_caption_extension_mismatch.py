from __future__ import annotations

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.changes import next_changes
from orchestrator.diagnose.engine import judge
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.caption_extension_mismatch import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture


def test_a_whole_folder_of_the_other_extension_is_one_safe_change() -> None:
    bare = [picture(f"{i}.png", caption=None) for i in range(3)]
    case = Case(dataset=dataset(folder(), folder(bare, other_captions=3)))
    catches(RULE, case, Severity.FIX)
    verdict = judge(case, "before")
    assert [(c.key, c.value) for c in next_changes(verdict)] == [("concepts.1.caption_extension", ".caption")]
    assert "missing-caption" not in {f.name for f in verdict.findings}


def test_mixed_extensions_want_renaming() -> None:
    mixed = folder([picture("a.png"), picture("b.png", caption=None)], other_captions=1, caption_extension=".caption")
    finding = catches(RULE, Case(dataset=dataset(mixed)))
    assert "not `.txt`." in finding.message.en
    assert finding.fix is not None
    assert finding.fix.changes == ()


def test_one_extension_is_clear() -> None:
    catches_not(RULE, Case(dataset=dataset()), Status.CLEAR)
