"""The verbs of `lora-run dataset tags`: list and edit what the captions say. Everything heavy is imported inside a verb."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.command_line import in_form, in_language

if TYPE_CHECKING:
    from orchestrator.core.text import Language
    from orchestrator.dataset.caption_edits import Change


@dataclass(frozen=True, slots=True)
class _Folder:
    """Which captions a verb is about."""

    path: Path
    extension: str | None


@click.group(invoke_without_command=True)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--caption-extension", help="`.txt`, `.caption` ... (default: the one that is found).")
@click.pass_context
def tags(context: click.Context, folder: Path, caption_extension: str | None) -> Any:
    """List and edit the tags of all captions of FOLDER.

    Edits show what they would do; --apply does it, and `undo` takes it
    back to the byte.
    """
    context.obj = _Folder(folder, caption_extension)
    if context.invoked_subcommand is None:
        return context.invoke(list_)
    return None


@tags.command(name="list")
@click.option("--category", help="Only tags of this category: hair-colour, background ...")
@in_form
@in_language
@click.pass_obj
def list_(folder: _Folder, category: str | None, form: str, lang: Language) -> int:
    """Show each tag with its category, count and share."""
    from orchestrator.dataset.captioned import scan_captioned
    from orchestrator.dataset.tag_table import tag_table
    from orchestrator.report import tell_captions

    found = scan_captioned(folder.path, folder.extension)
    return tell_captions.listed(folder.path, tag_table(found), category, form, lang)


def _edit(command: Any) -> Any:
    """Add what every edit takes."""
    command = click.pass_obj(in_form(in_language(command)))
    command = click.option(
        "--apply/--dry-run", "apply", default=False, help="Write it; default: show what would change."
    )(command)
    return click.option("--only", metavar="GLOB", help="Only the captions of pictures named like this: 'night*'.")(
        command
    )


@tags.command()
@click.argument("tag")
@click.option("--first", is_flag=True, help="In front, as a trigger is (default: at the end).")
@_edit
def add(folder: _Folder, tag: str, first: bool, **asked: Any) -> int:
    """Add TAG to the captions that lack it."""
    from orchestrator.dataset.caption_edits import adding

    return _do(folder, adding(tag, first=first), f"add {tag}{' --first' if first else ''}", [tag], **asked)


@tags.command()
@click.argument("names", nargs=-1, required=True, metavar="TAG...")
@_edit
def remove(folder: _Folder, names: tuple[str, ...], **asked: Any) -> int:
    """Remove each TAG, in whatever spelling it stands."""
    from orchestrator.dataset.caption_edits import removing

    return _do(folder, removing(names), f"remove {', '.join(names)}", names, **asked)


@tags.command()
@click.argument("old")
@click.argument("new")
@_edit
def replace(folder: _Folder, old: str, new: str, **asked: Any) -> int:
    """Put NEW in the place of OLD."""
    from orchestrator.dataset.caption_edits import replacing

    return _do(folder, replacing(old, new), f"replace {old} by {new}", [old, new], **asked)


@tags.command(name="move-first")
@click.argument("tag")
@_edit
def move_first(folder: _Folder, tag: str, **asked: Any) -> int:
    """Move TAG, a trigger, to the front of the captions that hold it."""
    from orchestrator.dataset.caption_edits import moving_first

    return _do(folder, moving_first(tag), f"move-first {tag}", [tag], **asked)


@tags.command()
@click.option("--kind", required=True, type=click.Choice(["character", "person", "style"]), help="What is learned.")
@click.option("--keep", multiple=True, metavar="TAG", help="Leave this tag. Repeatable.")
@_edit
def prune(folder: _Folder, kind: str, keep: tuple[str, ...], **asked: Any) -> int:
    """Remove what belongs to the subject from nearly all captions.

    Traits of a character or person, words about a style: only tags
    that at least 80 % of the captions have.
    """
    from orchestrator.dataset.caption_edits import removing
    from orchestrator.dataset.captioned import scan_captioned
    from orchestrator.dataset.tag_table import to_prune

    gone = [row.tag for row in to_prune(scan_captioned(folder.path, folder.extension), kind, keep)]
    return _do(folder, removing(gone), f"prune --kind {kind}: {', '.join(gone)}", gone, **asked)


@tags.command()
@click.option("--leave-changed", is_flag=True, help="Go on past captions that were changed since.")
@in_form
@in_language
@click.pass_obj
def undo(folder: _Folder, leave_changed: bool, form: str, lang: Language) -> int:
    """Take back the last edit; captions changed since are left alone."""
    from orchestrator.dataset.caption_journal import undo_last
    from orchestrator.report import tell_captions

    return tell_captions.undone(undo_last(folder.path, leave_changed=leave_changed), form, lang)


def _do(
    folder: _Folder,
    change: Change,
    what: str,
    names: Any,
    *,
    only: str | None,
    apply: bool,
    form: str,
    lang: Language,
) -> int:
    """Plan an edit, write it where asked to, and tell it."""
    from orchestrator.dataset.caption_edits import check_tags, plan_edits
    from orchestrator.dataset.caption_journal import apply_edits
    from orchestrator.dataset.captioned import scan_captioned
    from orchestrator.report import tell_captions

    check_tags(names)
    found = scan_captioned(folder.path, folder.extension)
    planned = plan_edits(found, change, only)
    written = apply_edits(folder.path, planned.edits, what) if apply else None
    return tell_captions.edited(what, planned, written, form, lang)
