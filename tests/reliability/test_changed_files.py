"""What was published is looked at again before a run goes on."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING

from orchestrator.training.resume import open_run

if TYPE_CHECKING:
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
