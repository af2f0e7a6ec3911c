"""`dataset caption`: describe the pictures of a folder with a model and write the captions, batch by batch.

Existing captions stay unless told otherwise. Each batch is on disk before the next one is looked at, so a run that is killed loses one
batch at most, and the next run goes on from there.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from orchestrator.core.errors import EnvironmentFault, OrchestratorError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text, same
from orchestrator.dataset.caption_models.blip import SentenceOptions, open_blip
from orchestrator.dataset.caption_models.existing import (
    Existing,
    UnusableCaptionError,
    captioned,
    read_existing,
    says_something,
    write_atomically,
)
from orchestrator.dataset.caption_models.files import parse_model
from orchestrator.dataset.caption_models.result import Captioned, CaptionResult, NotCaptioned, Tally
from orchestrator.dataset.caption_models.unfinished import Unfinished
from orchestrator.dataset.caption_models.view import UnreadablePictureError
from orchestrator.dataset.caption_models.wd14 import DEFAULT, TaggerOptions, open_tagger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from concurrent.futures import Future
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.dataset.caption_models.captioner import Captioner, Described
    from orchestrator.dataset.caption_models.existing import WriteCaption
    from orchestrator.dataset.caption_models.files import HubModel
    from orchestrator.dataset.caption_models.session import Device
    from orchestrator.dataset.model import Folder, Picture

    Seen = NDArray[np.float32] | UnreadablePictureError
    Progress = Callable[[int, int], None]
    """Pictures done, pictures to do."""

Kind = Literal["wd14", "blip"]
_DECODERS = 4
"""Threads that open pictures while the model thinks; Pillow decodes without the interpreter's lock."""
_SHARED = Text("it shares its caption file with another picture", "它与另一张图片共用标注文件")


@dataclass(frozen=True, slots=True)
class CaptionOptions:
    """Everything about one run."""

    kind: Kind = "wd14"
    model: str | None = None
    """A folder, `owner/name` or `owner/name@revision`; None: the kind's own, where there is one."""
    download: bool = False
    """Fetch the model where it is not on this machine."""
    device: Device = "auto"
    existing: Existing = "skip"
    trigger: str = ""
    """Put in front of every caption that is written."""
    batch_size: int = 8
    tagger: TaggerOptions = field(default_factory=TaggerOptions)
    sentences: SentenceOptions = field(default_factory=SentenceOptions)
    dry_run: bool = False
    """Describe, write nothing."""


@dataclass(frozen=True, slots=True)
class _Job:
    picture: Path
    caption: Path


def caption_folder(
    folder: Folder,
    options: CaptionOptions,
    *,
    progress: Progress | None = None,
    write_caption: WriteCaption = write_atomically,
) -> CaptionResult:
    """Caption the pictures of a folder that was scanned.

    Raises InputError for a model or files that do not fit, EnvironmentFault for what is missing or cannot be written. What was written
    by then stays, and the next run goes on from there.
    """
    named = None if options.model is None else parse_model(options.model)
    if options.existing == "skip" and not _is_any_left(folder):
        return run_captioner(folder, None, options, progress=progress, write_caption=write_caption)
    captioner = _open(named, options)
    return run_captioner(folder, captioner, options, progress=progress, write_caption=write_caption)


def _is_any_left(folder: Folder) -> bool:
    """Return whether any picture lacks a caption: opening a model takes seconds, and it may have to be downloaded."""
    return any(p.caption_path is None or (p.caption_problem and not p.caption) for p in folder.pictures)


def _open(named: Path | HubModel | None, options: CaptionOptions) -> Captioner:
    if options.kind == "blip":
        return open_blip(named, options.sentences, download=options.download, device=options.device)
    return open_tagger(
        DEFAULT if named is None else named, options.tagger, download=options.download, device=options.device
    )


def run_captioner(
    folder: Folder,
    captioner: Captioner | None,
    options: CaptionOptions,
    *,
    progress: Progress | None = None,
    write_caption: WriteCaption = write_atomically,
) -> CaptionResult:
    """Caption with a model that is open; None: nothing is to do, and only what is there is told."""
    tally = Tally()
    settings = _settings(captioner, options) if captioner else {}
    unfinished = Unfinished(folder.image_dir, settings) if options.existing != "skip" and not options.dry_run else None
    jobs = list(_jobs(folder, options, unfinished, tally))
    if captioner is None:
        return tally.result("", "")
    size = max(1, min(options.batch_size, captioner.batch_limit or options.batch_size))
    done = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's, about large and odd files
        for batch in _batches(captioner, jobs, size):
            begin = len(tally.written)
            _caption_batch(captioner, batch, options, write_caption, tally)
            if unfinished is not None:
                _note(unfinished, tally.written[begin:], folder.image_dir)
            done += len(batch)
            if progress is not None:
                progress(done, len(jobs))
    if unfinished is not None:
        unfinished.end()
    return tally.result(captioner.name, captioner.device)


def _settings(captioner: Captioner, options: CaptionOptions) -> dict[str, object]:
    return {"model": captioner.name, "existing": options.existing, "trigger": options.trigger, **captioner.settings}


def _jobs(folder: Folder, options: CaptionOptions, unfinished: Unfinished | None, tally: Tally) -> Iterator[_Job]:
    """Return the pictures to describe, and tally the others."""
    taken: set[Path] = set()
    for picture in folder.pictures:
        caption = picture.caption_path or _beside(picture, folder.caption_extension)
        if caption in taken:
            tally.failed.append(NotCaptioned(picture.path, _SHARED))
            continue
        taken.add(caption)
        try:
            held = read_existing(caption)
        except UnusableCaptionError as error:
            tally.failed.append(NotCaptioned(picture.path, error.why))
            continue
        if unfinished is not None and unfinished.is_done(caption, held):
            tally.resumed.append(picture.path)
        elif options.existing == "skip" and says_something(held):
            tally.kept.append(picture.path)
        else:
            yield _Job(picture.path, caption)


def _beside(picture: Picture, extension: str) -> Path:
    """Return the caption file of a picture that has none. The stem is cut as the scan cuts it, at the last dot alone."""
    return picture.path.with_name(os.path.splitext(picture.path.name)[0] + extension)  # noqa: PTH122


def _batches(captioner: Captioner, jobs: Sequence[_Job], size: int) -> Iterator[list[tuple[_Job, Seen]]]:
    """Return the pictures with what the model is to see of them. The next batch is opened while the model is at the last."""
    from concurrent.futures import ThreadPoolExecutor

    pool = ThreadPoolExecutor(_DECODERS, thread_name_prefix="caption")

    def begin(start: int) -> list[tuple[_Job, Future[Seen]]]:
        return [(job, pool.submit(_see, captioner, job.picture)) for job in jobs[start : start + size]]

    try:
        coming = begin(0)
        for start in range(size, len(jobs) + size, size):
            batch = [(job, future.result()) for job, future in coming]
            coming = begin(start)
            yield batch
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _see(captioner: Captioner, picture: Path) -> Seen:
    try:
        return captioner.see(picture)
    except UnreadablePictureError as error:
        return error


def _caption_batch(
    captioner: Captioner,
    batch: Sequence[tuple[_Job, Seen]],
    options: CaptionOptions,
    write: WriteCaption,
    tally: Tally,
) -> None:
    good: list[_Job] = []
    arrays: list[NDArray[np.float32]] = []
    for job, seen in batch:
        if isinstance(seen, UnreadablePictureError):
            tally.failed.append(NotCaptioned(job.picture, same(str(seen))))
        else:
            good.append(job)
            arrays.append(seen)
    if not good:
        return
    try:
        found = captioner.describe(arrays)
    except OrchestratorError:
        raise
    except Exception as error:  # onnxruntime's exceptions have no common base
        raise EnvironmentFault([_broke_down(captioner, len(good), error)]) from error
    for job, described in zip(good, found, strict=True):
        _write(job, described, options, write, tally)


def _write(job: _Job, described: Described, options: CaptionOptions, write: WriteCaption, tally: Tally) -> None:
    try:
        # Read again: the user may have written one meanwhile.
        before = read_existing(job.caption)
        after = captioned(before, described.pieces, options.existing, options.trigger)
    except UnusableCaptionError as error:
        tally.failed.append(NotCaptioned(job.picture, error.why))
        return
    if after == (before or b""):
        (tally.kept if says_something(before) else tally.silent).append(job.picture)
        return
    if not options.dry_run:
        try:
            write(job.caption, before, after)
        except OSError as error:
            raise EnvironmentFault([_unwritable(job.caption, error)]) from error
    tally.written.append(Captioned(job.picture, job.caption, before, after, described))


def _note(unfinished: Unfinished, written: Sequence[Captioned], folder: Path) -> None:
    try:
        unfinished.add((one.caption_path, one.after) for one in written)
    except OSError as error:
        raise EnvironmentFault([_unwritable(folder, error)]) from error


def _broke_down(captioner: Captioner, size: int, error: Exception) -> Problem:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return Problem(
        "model-run-failed",
        Text(f"{captioner.name} broke down at a batch of {size}", f"{captioner.name} 在处理 {size} 张一批时出错"),
        same(reason),
        Text(
            "where memory is short, take a smaller `--batch-size`; what was written stays, and the next run goes on from there",
            "若内存不足，请减小 `--batch-size`；已写入的保留，下次从那里继续",
        ),
    )


def _unwritable(path: Path, error: OSError) -> Problem:
    reason = error.strerror or type(error).__name__
    return Problem(
        "caption-not-writable",
        Text(f"`{path}` cannot be written: {reason}", f"无法写入 `{path}`：{reason}"),
        Text("captions stand beside their pictures", "标注放在图片旁边"),
        Text(
            "make the folder writable or free some space; what was written stays, and the next run goes on from there",
            "使文件夹可写或腾出空间；已写入的保留，下次从那里继续",
        ),
    )
