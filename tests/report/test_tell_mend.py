"""What `dataset caption` says when it is done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.dataset.caption_models.result import CaptionResult
from orchestrator.report.tell_mend import captioned

if TYPE_CHECKING:
    import pytest


def test_where_nothing_was_written_nothing_is_to_take_back(capsys: pytest.CaptureFixture[str]) -> None:
    result = CaptionResult("", "", (), (Path("a.png"),), (), (), ())
    assert captioned(Path(), result, dry_run=False, form="text", language="en") == 0
    said = capsys.readouterr().out
    assert "no caption was written" in said
    assert "undo" not in said
