"""The verbs on a folder of pictures: `lora-run dataset ...`. Everything heavy is imported inside a verb."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator import cli_dataset_new
from orchestrator.cli_dataset_tags import tags
from orchestrator.command_line import in_form, in_language

if TYPE_CHECKING:
    from orchestrator.core.text import Language

KINDS = cli_dataset_new.KINDS


@click.group()
def dataset() -> None:
    """Look at a folder of pictures, and mend it."""


dataset.add_command(cli_dataset_new.frames)
dataset.add_command(cli_dataset_new.prepare)
dataset.add_command(tags)


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
