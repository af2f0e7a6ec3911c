"""Write what was decided: copies byte for byte, pictures anew as PNG, captions beside them, the manifest last."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text
from orchestrator.dataset.pixels.look import cores
from orchestrator.dataset.prepare.captions import BOM, caption_files
from orchestrator.dataset.prepare.manifest import MANIFEST, write_manifest
from orchestrator.dataset.prepare.old_files import old_pixels, read_old
from orchestrator.dataset.prepare.unfinished import UnfinishedFolder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL import Image

    from orchestrator.dataset.prepare.model import Draft, PadColour, Placement, Prepared

CAPTION_BYTES: Final = 4096
"""A block of the file system, what a caption takes on the disk."""
_COMPRESSION: Final = 1
"""Of PNG: level 4 takes twice the time for 1 % less, Pillow's own 6 four times for 10 % (docs/log.md, 2026-11-29)."""
CLEARED: Final = Text(
    "what a run that was cut off had left of this folder was taken away first",
    "已先清除上次中断运行留下的部分",
)


def need_bytes(drafts: Sequence[Draft]) -> int:
    """Return how much may be written at most; PNG is not larger than its pixels."""
    need = 0
    for draft in drafts:
        if draft.is_left_out:
            continue
        need += CAPTION_BYTES * len(draft.files)
        if not draft.is_rewritten:
            need += draft.facts.size_bytes
            continue
        sizes = [placement.written_size for placement in draft.placements] or [draft.size]
        need += sum(3 * width * height for width, height in sizes)
    return need


def write_folder(prepared: Prepared, progress: Callable[[int, int], None] | None = None) -> Prepared:
    """Write the new folder; returns what was decided with the digests of the files.

    Raises EnvironmentFault where the disk is too small or nothing can be written, InputError where a picture changed since it was looked
    at. Nothing is left of the folder then.
    """
    from concurrent.futures import ThreadPoolExecutor

    _check_disk(prepared)
    staying = prepared.written
    files = [file for draft in staying for file in (*draft.files, *caption_files(draft))]
    digests: dict[PurePosixPath, str] = {}
    with UnfinishedFolder(prepared.folder, [*files, PurePosixPath(MANIFEST)]) as unfinished:
        pool = ThreadPoolExecutor(cores(), thread_name_prefix="prepare")
        try:
            colour = prepared.options.pad_colour
            coming = [pool.submit(_write, draft, unfinished.path, colour) for draft in staying]
            for done, future in enumerate(coming, 1):
                digests.update(future.result())
                if progress is not None:
                    progress(done, len(staying))
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
        notes = (CLEARED, *prepared.notes) if unfinished.has_cleared else prepared.notes
        prepared = replace(prepared, digests=digests, notes=notes)
        write_manifest(prepared, unfinished.path / MANIFEST)
        unfinished.finish()
    return prepared


def _write(draft: Draft, folder: Path, pad_colour: PadColour) -> dict[PurePosixPath, str]:
    """Write one picture and its captions; returns the SHA-256 of each file."""
    digests = {}
    if draft.is_rewritten:
        image = old_pixels(draft)
        for file, placement in zip(draft.files, draft.parts, strict=True):
            digests[file] = _save(image if placement is None else _placed(image, placement, pad_colour), folder / file)
    else:
        (file,) = draft.files
        (folder / file).write_bytes(read_old(draft.path, draft.facts.digest))
        digests[file] = draft.facts.digest.hex()
    if draft.caption is not None:
        content = read_old(draft.caption.source)
        content = content.removeprefix(BOM) if draft.caption.without_bom else content
        for file in caption_files(draft):
            (folder / file).write_bytes(content)
            digests[file] = hashlib.sha256(content).hexdigest()
    return digests


def _placed(image: Image.Image, placement: Placement, pad_colour: PadColour) -> Image.Image:
    from PIL import Image

    whole = (0, 0, *image.size)
    region = image if placement.region == whole else image.crop(placement.region)
    if placement.size != region.size:
        region = region.resize(placement.size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    if placement.canvas is None:
        return region
    colour = _edge_colour(region, placement.canvas) if pad_colour == "edge" else (255, 255, 255)
    canvas = Image.new("RGB", placement.canvas, colour)
    left, top = ((outer - inner) // 2 for outer, inner in zip(placement.canvas, region.size, strict=True))
    canvas.paste(region, (left, top))
    return canvas


def _edge_colour(image: Image.Image, canvas: tuple[int, int]) -> tuple[int, int, int]:
    """Return the median colour of the two edges that the border lies at."""
    import numpy as np

    pixels = np.asarray(image.convert("RGB"))
    is_wider = canvas[0] - image.width > canvas[1] - image.height
    edges = np.concatenate((pixels[:, 0], pixels[:, -1]) if is_wider else (pixels[0], pixels[-1]))
    red, green, blue = (int(value) for value in np.median(edges, axis=0))
    return red, green, blue


def _save(image: Image.Image, path: Path) -> str:
    """Write a PNG of pixels alone, no profile and no EXIF: they are applied. Returns its SHA-256."""
    with path.open("w+b") as file:
        image.info = {}
        image.save(file, "PNG", compress_level=_COMPRESSION)
        file.seek(0)
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _check_disk(prepared: Prepared) -> None:
    """Raise EnvironmentFault where the disk cannot take it."""
    need = need_bytes(prepared.drafts)
    place = Path(os.path.realpath(prepared.folder))
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    if need > free:
        raise EnvironmentFault([_too_full(prepared.folder, need, free)])


def _too_full(folder: Path, need: int, free: int) -> Problem:
    needed, there = (f"{value / 2**20:,.0f} MiB" for value in (need, free))
    return Problem(
        "disk-too-full",
        Text(
            f"`{folder}` may need {needed}, and {there} are free there",
            f"`{folder}` 最多需要 {needed}，而该处只剩 {there}",
        ),
        Text("nothing was written", "尚未写入任何内容"),
        Text("free some space, or name a folder on another disk", "请腾出空间，或指定其他磁盘上的文件夹"),
    )
