"""The verbs of `lora-run dataset` that make a new folder: frames of a video, a folder ready for training."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator.command_line import in_form, in_language

if TYPE_CHECKING:
    from orchestrator.core.text import Language
    from orchestrator.dataset.prepare.model import PrepareOptions

KINDS = ("character", "person", "style", "object", "concept")
NEW = click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="A new or empty folder.")


@click.command()
@click.argument("video", type=click.Path(path_type=Path))
@NEW
@click.option("--every", type=click.IntRange(min=1), help="Look at every so many-th frame.")
@click.option("--per-second", type=click.FloatRange(min=0, min_open=True), help="Look at so many frames a second: 2.")
@click.option("--picture-format", type=click.Choice(["png", "jpg"]), default="png", show_default=True)
@in_form
@in_language
def frames(
    video: Path,
    output: Path,
    every: int | None,
    per_second: float | None,
    picture_format: Any,
    form: str,
    lang: Language,
) -> int:
    """Take the frames of VIDEO that are worth a picture.

    Blurred ones and those too like the last kept are left out, rare ones
    stay. Needs the extra `frames`.
    """
    from orchestrator.core.text import Text
    from orchestrator.dataset.frames import FrameOptions, take_frames
    from orchestrator.report import tell_dataset, tell_mend

    if every is not None and per_second is not None:
        raise click.UsageError("--every and --per-second are two ways to say one thing")
    options = FrameOptions(every=every, per_second=per_second, picture_format=picture_format)
    with tell_dataset.counting(Text("looking at frames", "正在查看画面"), lang) as progress:
        seen = None if progress is None else lambda at_s, all_s: progress(int(at_s), int(all_s or 0))
        result = take_frames(video, output, options, progress=seen)
    return tell_mend.taken(result, form, lang)


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), metavar="DIR")
@NEW
@click.option("--keep-copies", is_flag=True, help="Leave equal and nearly equal pictures in.")
@click.option(
    "--fit", type=click.Choice(["none", "crop", "pad"]), default="none", show_default=True, help="Bring to few shapes."
)
@click.option("--kind", type=click.Choice(KINDS), help="What is learned: `person` cuts around the faces.")
@click.option("--buckets", type=click.IntRange(min=1), help="So many shapes at most (default: 4).")
@click.option("--resolution", type=click.IntRange(min=64), metavar="PIXELS", help="Side to train at (default: 1024).")
@click.option("--batch", type=click.IntRange(min=1), help="Pictures that each shape should have (default: 4).")
@click.option("--pad-colour", type=click.Choice(["edge", "white"]), help="Of the border (default: the edge's).")
@click.option("--tiles", type=click.IntRange(min=64), metavar="PIXELS", help="Cut edit pairs into tiles of this side.")
@click.option("--layout", type=click.Choice(["flat", "repeats"]), help="repeats: folders <repeats>_<concept>.")
@click.option("--concept", metavar="NAME", help="For the folder's name (default: that of DIR).")
@click.option("--repeats", type=click.IntRange(min=1), help="For the folder's name (default: as DIR says, or 1).")
@click.option("--balance", is_flag=True, help="More repeats for rare kinds of shots, by the captions.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, write nothing.")
@click.option("--no-cache", is_flag=True, help="Look at every picture anew, and keep nothing.")
@in_form
@in_language
def prepare(
    folder: Path, output: Path, form: str, lang: Language, *, dry_run: bool, no_cache: bool, **asked: Any
) -> int:
    """Make a folder ready for training out of DIR.

    Copies and broken pictures are left out, what the trainer would see
    wrongly is written anew, all else is copied. DIR is only read;
    manifest.json in the new folder tells every decision.
    """
    from orchestrator.core.text import Text
    from orchestrator.dataset.prepare.plan import decide
    from orchestrator.dataset.prepare.write import write_folder
    from orchestrator.plan.steps import BucketRules, bucket_resolutions
    from orchestrator.report import tell_dataset, tell_prepare

    options = _options(asked)
    side, step = options.resolution, 64
    # As a recipe that sets no limits of its own.
    limits = max(step, side // 2 // step * step), -(-2 * side // step) * step
    rules = BucketRules((side, side), enable_bucket=True, min_bucket_reso=limits[0], max_bucket_reso=limits[1])
    shapes = bucket_resolutions(rules) if options.fit != "none" else ()
    with tell_dataset.counting(Text("looking at pictures", "正在查看图片"), lang) as progress:
        result = decide(folder, output, options, shapes=shapes, keep=not no_cache, progress=progress)
    if not dry_run:
        with tell_dataset.counting(Text("writing pictures", "正在写入图片"), lang) as progress:
            result = write_folder(result, progress)
    return tell_prepare.prepared(result, dry_run=dry_run, form=form, language=lang)


def _options(asked: dict[str, Any]) -> PrepareOptions:
    """Return the options, or refuse those that would have no effect."""
    from orchestrator.dataset.prepare import model

    fit = asked["fit"]
    named = [name for name in ("concept", "repeats", "balance") if asked[name]]
    layout: Any = asked["layout"] or ("repeats" if named else "flat")
    for name in ("buckets", "resolution", "batch"):
        if asked[name] is not None and fit == "none":
            raise click.UsageError(f"--{name} needs --fit crop or --fit pad")
    if asked["kind"] is not None and fit != "crop":
        raise click.UsageError("--kind needs --fit crop: it says whether to look for faces")
    if asked["pad_colour"] is not None and fit != "pad":
        raise click.UsageError("--pad-colour needs --fit pad")
    if asked["tiles"] is not None and fit != "none":
        raise click.UsageError("--tiles and --fit are two ways to cut: choose one")
    if named and layout == "flat":
        raise click.UsageError(f"--{named[0]} needs --layout repeats: a flat folder has no repeats")
    said = {"resolution": asked["resolution"], "buckets": asked["buckets"], "least_in_bucket": asked["batch"]}
    said |= {name: asked[name] for name in ("kind", "pad_colour", "tiles", "concept", "repeats")}
    said = {name: value for name, value in said.items() if value is not None}
    return model.PrepareOptions(
        keep_copies=asked["keep_copies"], fit=fit, layout=layout, balance=asked["balance"], **said
    )
