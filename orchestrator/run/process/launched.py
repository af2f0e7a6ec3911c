"""How one launch of the trainer went, as facts."""

from __future__ import annotations

from dataclasses import dataclass

NO_OUTPUT = "no-output"


@dataclass(frozen=True, slots=True)
class Launched:
    """How one launch went, as facts. What they mean is said by `run/process/outcome.py`."""

    exit_code: int | None
    """Negative: ended by that signal. None: the process could not even be waited for."""
    seconds: float
    first_output_s: float | None
    stopped_because: str | None = None
    """What `should_stop` answered, or `no-output`."""
    interrupted: bool = False
    """It was ended because the user pressed Ctrl-C, or somebody asked this process or the run to end."""
    is_end_asked: bool = False
    """Somebody asked this process or the run to end, whether it was ended for that or by something else before."""
    first_step_s: float | None = None
    longest_silence_s: float = 0.0
    oom_kills: int = 0
    """Processes that Linux killed for lack of memory meanwhile, in our control group where that is known."""
    tail: tuple[str, ...] = ()
    """Last lines that were no progress updates."""
    dropped_lines: int = 0
    """Lines the watcher was too slow for; the console log has them."""
    log_error: str = ""
    """Why the console log is not whole."""
    watcher_errors: tuple[str, ...] = ()
    """Tracebacks of callbacks that failed. A failing callback is not called again; training goes on."""
    is_rescued: bool = False
    """The final file was made from the last saved state afterwards: the trainer could not write it."""
    began_at: float = 0.0
    """The wall clock at the start, Unix time: only for telling a file that was there before. 0: not known."""
