"""A machine with other users: what a run writes is the user's alone, and a link or folder of somebody else's leads nothing astray."""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

import pytest

from orchestrator.backends.protocol import Build
from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.record import write_text
from orchestrator.run.records.create import create_run
from orchestrator.run.records.private import SHARED_VARIABLE, refuse_foreign
from tests.hostile.counts import count
from tests.hostile.fake_run import adopt_trainer, lora_run
from tests.hostile.trying import sources

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., Path]

ALL, SWAPS = 10_000, count(10_000, 300)
RELIABILITY = {
    "T19": f"{ALL} files written while another thread puts links in their place (with LORA_FULL=1; 300 at each change): 0 written outside",
    "I06": "every file and folder of a run under umask 000",
    "I07": "a run folder that is a link, and one of another user",
}
BUILD = Build({"train.toml": "a = 1\n"}, (), ())


@pytest.mark.parametrize("is_shared", [False, True])
def test_all_that_a_run_writes_is_the_users_alone(
    recipe: Write, home: Path, tmp_path: Path, *, is_shared: bool
) -> None:
    adopt_trainer(home, tmp_path / "trainer")
    shared = {SHARED_VARIABLE: "1"} if is_shared else {}
    done = lora_run(recipe().name, "--share-gpu", cwd=tmp_path, umask=0, environment=shared)
    assert done.returncode == 3, done.stderr
    (run,) = (tmp_path / "runs").iterdir()
    written = [path for path in (run, *run.rglob("*")) if not path.is_symlink()]
    assert {"left.txt", "report.html", "run.json", "console.log"} <= {path.name for path in written}
    modes = {path.name: path.stat().st_mode & 0o777 for path in written}
    if is_shared:
        assert (modes[run.name], modes["report.html"], modes["left.txt"]) == (0o777, 0o666, 0o666)
    else:
        assert {(path.is_dir(), modes[path.name]) for path in written} == {(True, 0o700), (False, 0o600)}


def test_links_with_the_names_of_the_next_runs_are_passed_over(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    runs = tmp_path / "runs"
    runs.mkdir()
    for number in range(1, 50):
        (runs / f"alice-{number:03d}").symlink_to(outside, target_is_directory=True)
    made = create_run(runs, "alice", BUILD).root
    assert made.name == "alice-050"
    assert not made.is_symlink()
    assert list(outside.iterdir()) == []


def test_a_folder_of_somebody_else_is_refused_with_4(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    refuse_foreign(mine)
    (tmp_path / "link").symlink_to(mine, target_is_directory=True)
    with pytest.raises(EnvironmentFault, match="nothing is written") as caught:
        refuse_foreign(tmp_path / "link")
    assert caught.value.exit_code == 4
    monkeypatch.setattr(os, "geteuid", lambda: mine.stat().st_uid + 1)
    with pytest.raises(EnvironmentFault):
        refuse_foreign(mine)
    monkeypatch.setenv(SHARED_VARIABLE, "1")
    refuse_foreign(mine)


@pytest.mark.parametrize("verb", ["resume"])
def test_a_run_behind_a_link_is_not_gone_on_with(tmp_path: Path, verb: str) -> None:
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "run.json").write_text("{}")
    (tmp_path / "alice-001").symlink_to(tmp_path / "theirs", target_is_directory=True)
    done = lora_run(verb, "alice-001", cwd=tmp_path)
    assert done.returncode == 4
    assert "foreign-run-folder" in done.stdout + done.stderr
    assert [path.name for path in (tmp_path / "theirs").iterdir()] == ["run.json"]


def test_a_link_put_in_the_place_of_a_file_is_replaced_never_followed(tmp_path: Path) -> None:
    """An attacker who may write here plants links as fast as it can, under the file's name and under those of its temporary ones."""
    victim, folder = tmp_path / "victim", tmp_path / "run"
    victim.write_text("untouched")
    folder.mkdir()
    record, is_over = folder / "run.json", threading.Event()

    def attack() -> None:
        while not is_over.is_set():
            for name in ("run.json", f".run.json.{os.getpid()}.part"):
                link = folder / f"new-{name}"
                link.symlink_to(victim)
                link.replace(folder / name)

    attacker = threading.Thread(target=attack)
    attacker.start()
    try:
        for number in range(SWAPS):
            write_text(record, f"{number}\n")
    finally:
        is_over.set()
        attacker.join()
    assert victim.read_text() == "untouched"


def test_temporary_names_cannot_be_guessed() -> None:
    """Temporary files are made by `mkstemp`, `mkdtemp` or beside their place under a random name, none under a fixed one in /tmp."""
    found = [
        f"{name}: {node.value}"  # type: ignore[attr-defined]
        for name, nodes in sources()
        for node in nodes
        if isinstance(getattr(node, "value", None), str)
        and str(node.value).startswith(("/tmp/", "/var/tmp/", "/dev/shm/"))  # type: ignore[attr-defined]  # noqa: S108
    ]
    assert found == []
    assert not [name for name, nodes in sources() for node in nodes if getattr(node, "attr", "") == "mktemp"]
