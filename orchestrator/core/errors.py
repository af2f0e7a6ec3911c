"""The exceptions of this project.

OrchestratorError                 carries an exit code and a tuple of problems
 +- InputError                    2   recipe or data set refused, nothing was run
 +- EnvironmentFault              4   trainer, interpreter, disk or device missing or unfit
 +- RecordError                   4   a record of ours cannot be read (damaged, or from a newer version)

A user's mistake is never shown as a traceback: `cli` turns these into lines and an exit code.
Other exit codes: 0 ran, nothing above `watch`; 1 ran, findings to fix; 3 trainer failed; 70 a bug of ours; 130 interrupted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from orchestrator.core.finding import Problem

EXIT_OK = 0
EXIT_FINDINGS = 1
EXIT_REFUSED = 2
EXIT_TRAINER_FAILED = 3
EXIT_ENVIRONMENT = 4
EXIT_OWN_BUG = 70
EXIT_INTERRUPTED = 130


class OrchestratorError(Exception):
    """Base of all errors that a user may meet. `problems` is never empty."""

    exit_code: ClassVar[int] = EXIT_OWN_BUG

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(p.what.en for p in self.problems))


class InputError(OrchestratorError):
    """The recipe or the data set is refused; nothing was run."""

    exit_code = EXIT_REFUSED


class EnvironmentFault(OrchestratorError):  # noqa: N818  not an error of ours, a fault of the environment
    """What the run needs is not there: trainer, interpreter, disk, device."""

    exit_code = EXIT_ENVIRONMENT


class RecordError(OrchestratorError):
    """A record written by this tool cannot be read."""

    exit_code = EXIT_ENVIRONMENT
