"""What a run needs of the disk, as one line for people and as a record for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.plan.disk import need_line
from orchestrator.run.saved.disk import run_need

if TYPE_CHECKING:
    from orchestrator.core.text import Language, Text
    from orchestrator.plan.model import Plan


def disk_line(plan: Plan) -> Text:
    """Return the need of a plan in one line."""
    return need_line(run_need(plan))


def disk_record(plan: Plan | None, language: Language) -> dict[str, Any] | None:
    """Return the need of a plan for programs; `bytes` is null where the size of the network is not known."""
    if plan is None:
        return None
    need = run_need(plan)
    return {
        "bytes": need.size_bytes if need.is_known else None,
        "files": need.files,
        "parts": [
            {"key": p.key, "bytes": p.size_bytes, "files": p.files, "because": p.because.to(language)}
            for p in need.parts
        ],
        "notes": [note.to(language) for note in need.notes],
    }
