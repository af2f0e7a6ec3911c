"""What `lora-run dataset tags` says: the tags of a folder, what an edit changes or would change, what was taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from orchestrator.core.errors import EXIT_FINDINGS, EXIT_OK, InputError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text, plural
from orchestrator.dataset.vocabulary import CATEGORIES
from orchestrator.report import terminal
from orchestrator.report.diff import caption_diff
from orchestrator.report.json_text import print_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.core.text import Language
    from orchestrator.dataset.caption_edits import Edit, Planned, Skipped
    from orchestrator.dataset.caption_journal import Written
    from orchestrator.dataset.tag_table import TagTable

MOST_SHOWN = 20
"""Captions whose change is shown; the count says the rest, and `--format json` has all."""
WIDEST = 48
"""Characters of a tag in the table."""
UNKNOWN = Text("not in our list", "不在词表中")
_HEADS = (Text("tag", "标签"), Text("category", "类别"), Text("captions", "标注数"), Text("share", "占比"))


def listed(folder: Path, table: TagTable, category: str | None, form: str, language: Language) -> int:
    """List the tags. Raises InputError for a category that does not exist."""
    if category is not None and category not in CATEGORIES:
        raise InputError([_no_category(category)])
    rows = [row for row in table.rows if category is None or row.category == category]
    if form == "json":
        told = [{"tag": r.tag, "category": r.category, "count": r.count, "share": round(r.share, 4)} for r in rows]
        body = {"exit_code": EXIT_OK, "folder": folder, "captions": table.captions, "styles": table.styles}
        print_json({**body, "trigger": table.trigger, "tags": told})
        return EXIT_OK
    console = terminal.make_console()
    cells = [
        (_short(row.tag), row.category or UNKNOWN.to(language), str(row.count), f"{100 * row.share:.0f} %")
        for row in rows
    ]
    if cells:
        terminal.show_table([head.to(language) for head in _HEADS], cells, console)
    tags, sentences, unclear = (table.styles[style] for style in ("tags", "sentences", "unclear"))
    end = Text(
        f"{plural(len(rows), 'tag', 'tags')} in {plural(table.captions, 'caption', 'captions')}: "
        f"{tags} of tags, {sentences} of sentences, {unclear} too short to tell",
        f"{table.captions} 个标注中有 {len(rows)} 个标签：标签式 {tags} 个，句子式 {sentences} 个，太短无法判断 {unclear} 个",
    )
    terminal.show_line(end.to(language), console)
    return EXIT_OK


def _short(tag: str) -> str:
    """A caption that is one long piece must not make the table as wide."""
    return tag if len(tag) <= WIDEST else f"{tag[: WIDEST - 1]}…"


def edited(what: str, planned: Planned, written: Written | None, form: str, language: Language) -> int:
    """Tell what an edit did, or would do where it was not applied. Returns 1 where a caption had to be left alone."""
    skipped = [*planned.skipped, *(written.skipped if written is not None else ())]
    changed = planned.edits if written is None else written.done
    code = EXIT_FINDINGS if skipped else EXIT_OK
    if form == "json":
        body = {"exit_code": code, "what": what, "is_applied": written is not None, "unchanged": planned.unchanged}
        print_json({**body, **_record(changed, skipped, written, language)})
        return code
    console = terminal.make_console()
    _show_edits(changed, language)
    _show_skipped(skipped, language)
    number = plural(len(changed), "caption", "captions")
    if written is None:
        end = Text(
            f"{number} would change, {planned.unchanged} would not; nothing was written: `--apply` does it",
            f"将改动 {len(changed)} 个标注，{planned.unchanged} 个不变；未写入任何内容：用 `--apply` 执行",
        )
        end = end if changed else Text("no caption would change", "没有标注会改变")
    elif written.journal is None:
        end = Text("no caption changed", "没有标注改变")
    else:
        name = f"{written.journal.parent.name}/{written.journal.name}"
        end = Text(
            f"changed {number}; `undo` takes it back ({name})", f"已改动 {len(changed)} 个标注；`undo` 可撤销（{name}）"
        )
    terminal.show_line(end.to(language), console)
    return code


def undone(written: Written, form: str, language: Language) -> int:
    """Tell what was taken back. Returns 1 where a caption had to be left alone."""
    code = EXIT_FINDINGS if written.skipped else EXIT_OK
    if form == "json":
        body = {"exit_code": code, "what": written.what}
        print_json({**body, **_record(written.done, written.skipped, written, language)})
        return code
    _show_edits(written.done, language)
    _show_skipped(written.skipped, language)
    number = plural(len(written.done), "caption", "captions")
    end = Text(f"took back `{written.what}` in {number}", f"已在 {len(written.done)} 个标注中撤销 `{written.what}`")
    terminal.show_line(end.to(language), terminal.make_console())
    if written.journal is not None and written.journal.is_file():
        more = Text(
            "this edit stays the last one: mend those captions and run `undo` again, or `undo --leave-changed` to go on past them",
            "这次编辑仍是最后一次：处理好这些标注后再次运行 `undo`，或用 `undo --leave-changed` 越过它们",
        )
        terminal.show_line(more.to(language), terminal.make_console())
    return code


def _record(
    edits: Sequence[Edit], skipped: Sequence[Skipped], written: Written | None, language: Language
) -> dict[str, Any]:
    changed = [(edit.path.name, *edit.lines) for edit in edits]
    return {
        "changed": [{"file": file, "before": before, "after": after} for file, before, after in changed],
        "skipped": [{"file": one.path.name, "why": one.why.to(language)} for one in skipped],
        "journal": written.journal.name if written is not None and written.journal is not None else None,
    }


def _show_edits(edits: Sequence[Edit], language: Language) -> None:
    console = terminal.make_console()
    terminal.show_diff(caption_diff((edit.path.name, *edit.lines) for edit in edits[:MOST_SHOWN]), console)
    more = len(edits) - MOST_SHOWN
    if more > 0:
        terminal.show_line(Text(f"... and {more} more", f"…… 另有 {more} 个").to(language), console)


def _show_skipped(skipped: Sequence[Skipped], language: Language) -> None:
    console = terminal.make_console()
    for one in skipped[:MOST_SHOWN]:
        said = Text(f"left alone: {one.path.name}: {one.why.en}", f"未改动：{one.path.name}：{one.why.zh}")
        terminal.show_line(said.to(language), console)
    more = len(skipped) - MOST_SHOWN
    if more > 0:
        said = Text(f"left alone: {more} more", f"未改动：另有 {more} 个")
        terminal.show_line(said.to(language), console)


def _no_category(category: str) -> Problem:
    return Problem(
        "unknown-category",
        Text(f"there is no category `{category}`", f"没有类别 `{category}`"),
        Text("tags are sorted by our own list", "标签按我们自己的词表分类"),
        Text(f"one of: {', '.join(CATEGORIES)}", f"可选：{', '.join(CATEGORIES)}"),
    )
