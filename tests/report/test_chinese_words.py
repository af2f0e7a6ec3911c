"""One thing has one name in Chinese too, and the reader is spoken to in one way."""

from __future__ import annotations

from pathlib import Path

import pytest

import orchestrator

HOME = Path(orchestrator.__file__).parent
OTHERS = {"训练目录": "训练文件夹", "运行目录": "训练文件夹", "运行文件夹": "训练文件夹", "您": "你"}


@pytest.mark.parametrize("word", OTHERS)
def test_no_second_name(word: str) -> None:
    files = [*HOME.rglob("*.py"), *HOME.rglob("*.md"), HOME.parent / "README.zh-CN.md"]
    found = [str(path) for path in files if word in path.read_text(encoding="utf-8")]
    assert found == [], f"write {OTHERS[word]}"
