"""`manifest.json`: every picture of the old folder with what became of it and why, so that each step can be checked and repeated.

Its fields are described in docs/prepare.md. A field may be added within a version; none changes its meaning.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from orchestrator.core.record import write_record
from orchestrator.dataset.prepare.captions import caption_files

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.core.text import Language
    from orchestrator.dataset.prepare.model import Draft, Prepared

MANIFEST: Final = "manifest.json"
RECORD: Final = "prepared-dataset"
VERSION: Final = 1


def write_manifest(prepared: Prepared, path: Path) -> None:
    """Write the manifest of a folder whose files lie there."""
    write_record(path, RECORD, VERSION, manifest(prepared))


def manifest(prepared: Prepared, language: Language = "en") -> dict[str, Any]:
    """Return the manifest's content. Before anything is written the digests of new files are null."""
    counts = {"copied": 0, "rewritten": 0, "left-out": 0}
    for draft in prepared.drafts:
        counts[draft.decision] += 1
    return {
        "options": asdict(prepared.options),
        "summary": counts,
        "pictures": [_picture(prepared, draft, language) for draft in prepared.drafts],
        "not_taken": [path.relative_to(prepared.root) for path in prepared.not_taken],
        "buckets": [{"size": one.size, "pictures": one.pictures} for one in prepared.buckets],
        "lost_share": round(prepared.lost_share, 4),
        "exposures": [{**asdict(one), "exposures": one.exposures} for one in prepared.exposures],
        "notes": [note.to(language) for note in prepared.notes],
    }


def _picture(prepared: Prepared, draft: Draft, language: Language) -> dict[str, Any]:
    return {
        "source": draft.path.relative_to(prepared.root),
        "sha256": draft.facts.digest.hex() or None,
        "size": draft.size,
        "role": draft.role,
        "decision": draft.decision,
        "why": [{"code": reason.code, "text": reason.text.to(language)} for reason in draft.reasons],
        "copy_of": None if draft.copy_of is None else draft.copy_of.relative_to(prepared.root),
        "shot": draft.shot,
        "repeats": None if draft.is_left_out else draft.repeats,
        "files": _files(prepared, draft),
        "caption": _caption(prepared, draft),
    }


def _files(prepared: Prepared, draft: Draft) -> list[dict[str, Any]]:
    return [
        {
            "path": file,
            "sha256": prepared.digests.get(file),
            "size": draft.size if part is None else part.written_size,
            "region": None if part is None else part.region,
        }
        for file, part in zip(draft.files, draft.parts, strict=False)
    ]


def _caption(prepared: Prepared, draft: Draft) -> dict[str, Any] | None:
    if draft.caption is not None:
        caption = draft.caption
        source = caption.source.relative_to(prepared.root)
        files = list(caption_files(draft))
        return {"source": source, "text": caption.text, "is_of_copy": caption.is_of_copy, "files": files}
    path = draft.picture.caption_path
    if path is None:
        return None
    return {"source": path.relative_to(prepared.root), "text": draft.picture.caption, "is_of_copy": False, "files": []}
