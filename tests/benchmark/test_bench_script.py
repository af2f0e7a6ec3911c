"""The measurements of speed call what exists: their code stands in strings that no type checker reads."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

SCRIPTS = Path(__file__).parents[2] / "scripts"


def test_the_console_bench_runs_to_its_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(str(SCRIPTS))
    bench = importlib.import_module("bench")
    (tmp_path / "console.log").write_text(
        "steps:  50%|#| 1/2 [00:01<00:01,  1.00it/s, avr_loss=0.1]\n", encoding="utf-8"
    )
    bench.bench_console(1, tmp_path)
    assert "lora-run's parser" in capsys.readouterr().out
