"""The verbs on a folder of pictures: `lora-run dataset ...`. Everything heavy is imported inside a verb."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator import cli_dataset_new
from orchestrator.command_line import in_form, in_language

if TYPE_CHECKING:
    from orchestrator.core.text import Language
    from orchestrator.dataset.caption_edits import Change

KINDS = cli_dataset_new.KINDS


@click.group()
def dataset() -> None:
    """Look at a folder of pictures, and mend it."""


dataset.add_command(cli_dataset_new.frames)
dataset.add_command(cli_dataset_new.prepare)


def _look(verb: Any) -> Any:
    """Add what every look at the pixels takes."""
    for option in (
        in_language,
        in_form,
        click.option("--no-cache", is_flag=True, help="Look at every picture anew, and keep nothing."),
        click.option(
            "--resolution", type=click.IntRange(min=64), metavar="PIXELS", help="Side of the training resolution."
        ),
        click.option("--trigger", help="The trigger word (default: the unknown word that most captions begin with)."),
        click.option("--kind", type=click.Choice(KINDS), help="What is learned: some findings depend on it."),
        click.argument("target", type=click.Path(path_type=Path), metavar="FOLDER|RECIPE"),
    ):
        verb = option(verb)
    return verb


@dataset.command()
@_look
def check(
    target: Path,
    kind: str | None,
    trigger: str | None,
    resolution: int | None,
    no_cache: bool,
    form: str,
    lang: Language,
) -> int:
    """Look at the pixels and captions of a folder or recipe.

    What was measured is kept in the user's cache folder: unchanged files
    are not opened again. Nothing in the folder is written.
    """
    from orchestrator.core.text import Text
    from orchestrator.dataset_check import look_into
    from orchestrator.report import tell_dataset

    with tell_dataset.counting(Text("looking at pictures", "正在查看图片"), lang) as progress:
        done = look_into(target, kind, trigger, resolution, keep=not no_cache, progress=progress)
    return tell_dataset.checked(done.root, done.dataset, done.verdict, done.problems, done.trouble, form, lang)


@dataset.command()
@_look
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE.html",
    help="The page (default: NAME-dataset.html in the working directory).",
)
@click.option("--force", is_flag=True, help="Write over a file that is there and no earlier page.")
def report(target: Path, output: Path | None, form: str, lang: Language, *, force: bool, **asked: Any) -> int:
    """Show a folder or recipe as one page with its pictures.

    Findings with their pictures, copies, buckets, framing, tags, pairs.
    The page works offline; an earlier one of the same set is replaced.
    """
    from orchestrator.core.text import Text
    from orchestrator.dataset_check import look_into
    from orchestrator.report import tell_dataset
    from orchestrator.report.dataset_page.model import SeenSet
    from orchestrator.report.dataset_page.output import name_of_set, page_file, write_page
    from orchestrator.report.dataset_page.page import render_page

    file = page_file(target, output, is_forced=force)
    with tell_dataset.counting(Text("looking at pictures", "正在查看图片"), lang) as progress:
        how = asked["kind"], asked["trigger"], asked["resolution"]
        done = look_into(target, *how, keep=not asked["no_cache"], progress=progress)
    seen = SeenSet(name_of_set(target), done.root, done.case, done.verdict, done.problems, done.trouble)
    page = None
    if done.dataset.folders:
        with tell_dataset.counting(Text("making small pictures", "正在制作缩略图"), lang) as progress:
            page = render_page(seen, file.mark, lang, progress)
        write_page(file, page.html, [folder.image_dir for folder in done.dataset.folders if not folder.is_unread])
    return tell_dataset.reported(seen, page, file.path, form, lang)


@dataset.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--with", "model_kind", type=click.Choice(["wd14", "blip"]), default="wd14", help="Tags, or sentences.")
@click.option("--model", metavar="FOLDER|OWNER/NAME", help="The model's files (default: a WD tagger of the Hub).")
@click.option("--download", is_flag=True, help="Fetch the model where it is not on this machine.")
@click.option(
    "--existing",
    type=click.Choice(["skip", "append", "replace"]),
    default="skip",
    help="What becomes of captions that are there (default: they stay).",
)
@click.option("--trigger", default="", help="Put it in front of every caption that is written.")
@click.option(
    "--general", type=click.FloatRange(0, 1), default=0.35, show_default=True, help="Tags above it are taken."
)
@click.option("--character", type=click.FloatRange(0), default=0.85, show_default=True, help="Names above it.")
@click.option("--blacklist", multiple=True, metavar="TAG", help="Never write this tag. Repeatable.")
@click.option("--batch", type=click.IntRange(min=1), default=8, show_default=True, help="Pictures at a time.")
@click.option("--device", type=click.Choice(["auto", "cpu", "cuda"]), default="auto", show_default=True)
@click.option("--dry-run", is_flag=True, help="Show what would be written, write nothing.")
@in_form
@in_language
def caption(folder: Path, model_kind: Any, form: str, lang: Language, *, dry_run: bool, **asked: Any) -> int:
    """Caption the pictures of FOLDER with a tagger or a captioner.

    Cut off, it goes on where it was; what was written can be taken back
    with `dataset tags FOLDER undo`. Needs the extra `caption`.
    """
    from orchestrator.core.text import Text
    from orchestrator.dataset.caption_journal import recording
    from orchestrator.dataset.caption_models.caption import CaptionOptions, caption_folder
    from orchestrator.dataset.caption_models.existing import write_atomically
    from orchestrator.dataset.caption_models.wd14 import TaggerOptions
    from orchestrator.dataset.captioned import scan_captioned
    from orchestrator.report import tell_dataset, tell_mend

    tagger = TaggerOptions(asked["general"], asked["character"], asked["blacklist"])
    options = CaptionOptions(
        model_kind, asked["model"], asked["download"], asked["device"], asked["existing"], asked["trigger"],
        asked["batch"], tagger, dry_run=dry_run,
    )  # fmt: skip
    found = scan_captioned(folder)
    what = f"caption --with {model_kind} --existing {options.existing}"
    with tell_dataset.counting(Text("captioning", "正在标注"), lang) as progress:
        if dry_run:
            result = caption_folder(found, options, progress=progress)
        else:
            with recording(folder, what, write_atomically) as write:
                result = caption_folder(found, options, progress=progress, write_caption=write)
    return tell_mend.captioned(folder, result, dry_run=dry_run, form=form, language=lang)


@dataclass(frozen=True, slots=True)
class _Folder:
    """Which captions a verb is about."""

    path: Path
    extension: str | None


@dataset.group(invoke_without_command=True)
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
