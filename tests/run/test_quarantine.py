from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.core.rundir import RunDir
from orchestrator.observe.read import read_run
from orchestrator.run.saved.quarantine import quarantine

if TYPE_CHECKING:
    from pathlib import Path


def made(run: Path, name: str, content: str) -> Path:
    """A network file, or a state where the name says so."""
    path = RunDir(run).output / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if name.endswith("-state"):
        path.mkdir()
        (path / "model.safetensors").write_text(content)
    else:
        path.write_text(content)
    return path


def content_of(path: Path) -> str:
    return (path / "model.safetensors" if path.is_dir() else path).read_text()


@pytest.mark.parametrize("name", ["x-000001.safetensors", "x-000001-state"])
def test_files_and_states_lie_by_attempt_with_the_reason_and_nothing_is_overwritten(tmp_path: Path, name: str) -> None:
    moved = [quarantine(made(tmp_path, name, text), tmp_path, f"it is {text}") for text in ("one", "two", "three")]
    folder = tmp_path / "quarantine" / "001"
    assert moved == [folder / name, folder / f"{name}-2", folder / f"{name}-3"]
    assert [content_of(path) for path in moved] == ["one", "two", "three"]
    said = [path.with_name(f"{path.name}.why.txt").read_text() for path in moved]
    assert said == ["it is one\n", "it is two\n", "it is three\n"]
    assert list(RunDir(tmp_path).output.iterdir()) == []


def test_a_network_file_that_was_set_apart_is_still_observed_once(tmp_path: Path) -> None:
    for text in ("one", "two"):
        quarantine(made(tmp_path, "x.safetensors", text), tmp_path, "torn")
    (seen,) = read_run(tmp_path).checkpoints
    assert (seen.path, seen.is_final, seen.is_readable) == ("quarantine/001/x.safetensors", True, False)


@pytest.mark.parametrize("where", ["published.safetensors", "attempts/../published.safetensors"])
def test_only_what_an_attempt_made_is_moved(tmp_path: Path, where: str) -> None:
    (tmp_path / "attempts").mkdir()
    (tmp_path / "published.safetensors").write_text("mine", encoding="utf-8")
    with pytest.raises(ValueError, match="not in an attempt"):
        quarantine(tmp_path / where, tmp_path, "torn")
    with pytest.raises(FileNotFoundError):
        quarantine(tmp_path / "attempts" / "gone", tmp_path, "torn")
    assert not (tmp_path / "quarantine").exists()


def test_a_disk_without_room_for_the_reason_still_sets_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = made(tmp_path, "x.safetensors", "torn")

    def full(*_: object, **__: object) -> None:
        raise OSError

    monkeypatch.setattr(type(path), "write_text", full)
    assert content_of(quarantine(path, tmp_path, "torn")) == "torn"
    assert not path.exists()
