"""The script that accelerate starts: `launcher.py telemetry.json ENTRY.py [trainer's arguments]`.

Imports the entry, wraps the methods of its trainer class and runs its own main block. The trainer's files stay as they
are. Whatever goes wrong in the recording, the training runs as it would without it.
"""

from __future__ import annotations

import contextlib
import faulthandler
import importlib
import importlib.util
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import FrameType

PACKAGE = "_lora_telemetry"
USAGE = "usage: launcher.py telemetry.json ENTRY.py [arguments of the entry]"


def siblings(name: str) -> Any:
    """A module of this folder, loaded as part of a private package: this folder never gets onto `sys.path`."""
    if PACKAGE not in sys.modules:
        folder = Path(__file__).resolve().parent
        spec = importlib.util.spec_from_file_location(
            PACKAGE, folder / "__init__.py", submodule_search_locations=[str(folder)]
        )
        if spec is None or spec.loader is None:
            raise ImportError(f"cannot load {folder.name}")
        sys.modules[PACKAGE] = package = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(package)
    return importlib.import_module(f"{PACKAGE}.{name}")


class Recording:
    """The recording of this process, or none where it could not begin."""

    def __init__(self, settings_file: Path, script: Path) -> None:
        self._script = script
        self._recorder: Any = None
        self._guard: Any = None
        try:
            settings = siblings("settings").read_settings(settings_file)
            rank, world = (int(os.environ.get(name, default)) for name, default in (("RANK", "0"), ("WORLD_SIZE", "1")))
            recorder = siblings("recorder")
            self._recorder = recorder.Recorder(settings, rank, world, script.stem)
            self._guard = recorder.Guard(self._recorder)
        except Exception as error:  # noqa: BLE001  training goes on without a recording
            sys.stderr.write(f"telemetry is off: {type(error).__name__}: {error}\n")

    def install(self, kind: type[Any] | None) -> None:
        """Wrap the trainer's class; without one a note is all there will be."""
        if self._guard is None:
            return
        if kind is None:
            self._guard.run("note", self._recorder.note, "hook-missing", f"{self._script.name} has no NetworkTrainer")
            return
        hooks = self._guard.run("hooks", siblings("hooks").Hooks, self._recorder, self._guard, self._script.stem)
        if hooks is not None:
            self._guard.run("hooks", hooks.install, kind)
        self._guard.run("signals", self._end_on_sigterm)

    def close(self, reason: str) -> None:
        """Write what is left."""
        if self._guard is not None:
            self._guard.run("end", self._recorder.close, reason)

    def _end_on_sigterm(self) -> None:
        """Write what is left when the process is asked to end; it then ends as it would have."""
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
            return
        owner = os.getpid()

        def end(number: int, _frame: FrameType | None) -> None:
            if os.getpid() == owner:  # a forked worker holds a copy of the recording, not the recording
                self.close("exception")
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

        signal.signal(signal.SIGTERM, end)


def write_stacks_when_asked() -> None:
    """On SIGUSR1, write where each thread stands to the standard error output, even while native code runs."""
    if hasattr(faulthandler, "register"):  # not on Windows
        with contextlib.suppress(Exception):  # no stderr of its own, or a handler that may not be set
            faulthandler.register(signal.SIGUSR1, all_threads=True)


def main() -> None:
    """Run the entry as if it had been started itself; its exceptions and exit codes are passed on."""
    if len(sys.argv) < 3:
        sys.exit(USAGE)
    write_stacks_when_asked()
    settings_file, script = Path(sys.argv[1]), Path(sys.argv[2])
    entry = siblings("entry")
    recording = Recording(settings_file, script)
    entry.take_the_place_of(script, sys.argv[3:])
    reason = "exception"
    try:
        block = entry.main_block(script.read_text(encoding="utf-8"))
        if block is None:
            sys.exit(f"{script.name} has no main block to run")
        module = entry.import_entry(script)
        recording.install(entry.trainer_class(module))
        entry.run_main_block(module, block, script)
        reason = "finished"
    except SystemExit as error:
        reason = "finished" if error.code in (None, 0) else "exception"
        raise
    finally:
        recording.close(reason)


if __name__ == "__main__":
    main()
