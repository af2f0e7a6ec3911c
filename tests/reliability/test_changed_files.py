"""What is published lasts: what could not be is told, and what was changed since."""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING

from orchestrator.run.saved import publish
from orchestrator.training.resume import open_run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.reliability.conftest import Runs

RELIABILITY = {"C03 (resume)": "a published file with a changed byte: told by name when the run is gone on with"}


def test_a_published_file_that_was_changed_is_told_and_no_hindrance(runs: Runs) -> None:
    runs.start({"1": {"at": 10, "do": "mistake"}})
    first, second = sorted(runs.rundir.checkpoints.glob("*.safetensors"))
    whole = first.read_bytes()
    first.write_bytes(bytes([*whole[:-1], whole[-1] ^ 1]))
    with ExitStack() as held:
        open_run(runs.rundir.root, held, tell=runs.heard.told)
    assert runs.heard.has(f"{first.name} was changed after it was published")
    assert not runs.heard.has(f"{second.name} was changed")


def test_a_good_file_that_could_not_be_published_is_told(runs: Runs, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_path: Path, target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))

    monkeypatch.setattr(publish, "link_or_copy", full)
    runs.start({})
    assert runs.heard.has("attempts/001/output/tiny.safetensors is whole, but could not be put into checkpoints/")
    assert runs.heard.has(os.strerror(errno.ENOSPC))
    assert runs.history.published == ()
    assert runs.history.quarantined == {}
