"""File names in sentences."""

from __future__ import annotations

from pathlib import Path

from orchestrator.diagnose.facts import names


def test_files_of_several_folders_are_told_with_their_folders() -> None:
    assert names([Path("set/a/1.png"), Path("set/b/1.png")]).en == "a/1.png, b/1.png"
    assert names([Path("set/a/1.png"), Path("set/a/2.png")]).en == "1.png, 2.png"
    assert names([Path(f"set/{k}/1.png") for k in "abcd"], 2).en == "a/1.png, b/1.png and 2 more"
    assert names(["one", "two"]).zh == "one, two"
