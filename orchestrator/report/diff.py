"""What a reader wants to see of a change: of the next recipe the decisions, not its rewritten paths; of captions their one line."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import TYPE_CHECKING

from orchestrator.recipe.keys import PATH_KEYS
from orchestrator.report.next_recipe import HEADER

if TYPE_CHECKING:
    from collections.abc import Iterable

CONTEXT = 2
"""Unchanged lines around a change."""
_PATH = re.compile(rf"(\s*(?:- )?(?:{'|'.join(sorted(PATH_KEYS))}|extends|# yaml-language-server): ).*")


def recipe_diff(recipe: str | None, following: str | None) -> list[tuple[str, str]]:
    """Return (`add` | `del` | `same` | `hunk`, line). Our header and rewritten paths count as unchanged. Empty: no difference."""
    if recipe is None or following is None:
        return []
    old = [line for line in recipe.splitlines() if not line.startswith(HEADER)]
    new = [line for line in following.splitlines() if not line.startswith(HEADER)]
    matcher = SequenceMatcher(
        None, [_PATH.sub(r"\1", line) for line in old], [_PATH.sub(r"\1", line) for line in new], autojunk=False
    )
    rows: list[tuple[str, str]] = []
    for group in matcher.get_grouped_opcodes(CONTEXT):
        rows.append(("hunk", f"@@ {group[0][1] + 1} @@"))
        for tag, old_start, old_end, new_start, new_end in group:
            if tag == "equal":
                rows += [("same", f"  {line}") for line in old[old_start:old_end]]
                continue
            rows += [("del", f"- {line}") for line in old[old_start:old_end]]
            rows += [("add", f"+ {line}") for line in new[new_start:new_end]]
    return rows


def caption_diff(changed: Iterable[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """Return rows as above for captions, (file, line before, line after) each: one line of each file is all that can change."""
    rows: list[tuple[str, str]] = []
    for file, before, after in changed:
        rows += [("hunk", f"@@ {file} @@"), ("del", f"- {before}"), ("add", f"+ {after}")]
    return rows
