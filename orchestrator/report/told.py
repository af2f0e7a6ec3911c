"""Whether the report that lies in a run folder is the one of its end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from orchestrator.core.errors import RecordError
from orchestrator.core.record import read_record
from orchestrator.report.record import KIND, VERSION

if TYPE_CHECKING:
    from orchestrator.core.rundir import RunDir
    from orchestrator.run.records.history import History


def is_told(rundir: RunDir, history: History) -> bool:
    """Whether the report that lies in the run folder is of this end of the run, not of an earlier attempt's."""
    try:
        outcome = read_record(rundir.report_json, KIND, VERSION).get("outcome")
    except RecordError:
        return False
    told = outcome if isinstance(outcome, dict) else {}
    return bool(history.ending) and (told.get("ending"), told.get("cause")) == (history.ending, history.cause)
