"""`dataset frames`: take pictures out of a video, into a new folder. Every n-th frame or so many a second; what is blurred, flat or like
the last kept frame is left out, what was never seen before is kept even where it is a little soft.

A soft rare frame waits: when a sharper one of the same view follows, that one takes its place. `frames.jsonl` beside the pictures tells
for every frame that was looked at what became of it, with the numbers. Needs PyAV (the extra `frames`).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text
from orchestrator.dataset.frame_measures import Measures, Prints, pixel_measures
from orchestrator.dataset.frames_out import Writer, file_stem
from orchestrator.dataset.new_folder import open_folder
from orchestrator.dataset.video import open_video

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from orchestrator.dataset.video import Video, VideoFrame

    Progress = Callable[[float, float | None], None]
    """Seconds of the video that were looked at, and its length where it is known."""

Decision = Literal["kept", "kept-rare", "blurred", "flat", "similar", "replaced"]
BLURRED_BELOW: Final = 0.46
"""The limit of `pixels/sharpness.py` for pictures ..."""
SOFT_ABOVE: Final = 0.36
"""... and how soft a frame may be that is like nothing before: truly blurred pictures reach up to 0.40, most lie far below."""
SIMILAR_ABOVE: Final = 0.97
"""Correlation of two fingerprints from which they show the same: that of near duplicates, without their registration."""
RARE_BELOW: Final = 0.60
"""Correlation with every frame kept so far under which a frame is something new."""
FLAT_BELOW: Final = 4.0
"""Standard deviation of grey under which there is nothing to see: fades, black, title cards without a title."""


@dataclass(frozen=True, slots=True)
class FrameOptions:
    """Everything about one run. One of the first two; two a second where neither is said."""

    every: int | None = None
    """Look at every so many-th frame."""
    per_second: float | None = None
    """Look at so many frames a second, by their time stamps."""
    blurred_below: float = BLURRED_BELOW
    soft_above: float = SOFT_ABOVE
    similar_above: float = SIMILAR_ABOVE
    rare_below: float = RARE_BELOW
    picture_format: Literal["png", "jpg"] = "png"

    def __post_init__(self) -> None:
        if self.every is not None and self.per_second is not None:
            raise ValueError("every and per_second are two ways to say one thing")
        if (self.every is not None and self.every < 1) or (self.per_second is not None and not self.per_second > 0):
            raise ValueError("frames are looked at every 1 or more, or more than 0 times a second")


@dataclass(frozen=True, slots=True)
class FramesResult:
    """What became of a video."""

    folder: Path
    files: tuple[Path, ...]
    decisions: dict[str, int]
    """How often each was taken."""
    looked_at: int
    decoded: int
    notes: tuple[Text, ...] = ()
    """What was wrong with the video: it ends early, parts are damaged, it is interlaced or HDR. What could be read is kept."""


@dataclass(slots=True)
class _Judged:
    """A frame with its numbers."""

    number: int
    time_s: float | None
    sharpness: float | None
    spread: float
    like_last: float | None
    like_any: float | None
    decision: Decision
    print: bytes = field(repr=False)
    picture: NDArray[np.uint8] | None = field(default=None, repr=False)


def take_frames(
    video: Path,
    folder: Path,
    options: FrameOptions | None = None,
    *,
    measures: Measures | None = None,
    progress: Progress | None = None,
) -> FramesResult:
    """Write the frames of `video` that are worth a picture into `folder`, which must be new or empty.

    Raises InputError for what is no video and a folder that is in use, EnvironmentFault where PyAV is missing or nothing can be written.
    """
    options = options or FrameOptions()
    measures = measures or pixel_measures()
    with open_video(video) as source:
        chosen = _chosen(source, options)
        first = next(chosen, None)
        if first is None:
            raise InputError([_no_frame(video, source.notes)])
        open_folder(folder)
        with Writer(folder, file_stem(video), options.picture_format) as writer:
            writer.note(
                {"record": "frames", "version": 1, "video": video.name, **source.facts, "options": asdict(options)}
            )
            taker = _Taker(writer, options, measures)
            frame: VideoFrame | None = first
            while frame is not None:
                taker.judge(frame)
                if progress is not None:
                    progress(frame.time_s or 0.0, source.length_s)
                frame = next(chosen, None)
            taker.settle()
            looked_at = sum(taker.decisions.values())
            result = FramesResult(
                folder, tuple(writer.files), dict(taker.decisions), looked_at, source.decoded, source.notes
            )
            end = {"looked_at": looked_at, "decoded": source.decoded, "decisions": result.decisions}
            writer.note({"end": True, **end, "notes": [note.en for note in result.notes]})
    return result


def _chosen(source: Video, options: FrameOptions) -> Iterator[VideoFrame]:
    """Return the frames to look at. By time: the first frame of each slot, so that uneven frame rates give even pictures."""
    if options.every is not None:
        yield from (frame for frame in source.frames() if frame.number % options.every == 0)
        return
    rate = options.per_second or 2.0
    slot = -1
    start: float | None = None
    for frame in source.frames():
        if frame.time_s is None:
            raise InputError([_no_times(source.name)])
        start = frame.time_s if start is None else start
        # A hair more, or 0.1 s times 10 would fall into the slot before.
        now = int((frame.time_s - start) * rate + 1e-6)
        if now > slot:
            slot = now
            yield frame


class _Taker:
    """Judges frames one after the other."""

    def __init__(self, writer: Writer, options: FrameOptions, measures: Measures) -> None:
        self.decisions: Counter[str] = Counter()
        self._writer, self._options, self._measures = writer, options, measures
        self._kept = Prints()
        self._waiting: _Judged | None = None

    def judge(self, frame: VideoFrame) -> None:
        """Decide about one frame."""
        import numpy as np

        grey, small = frame.greys()
        one = self._measures.fingerprint(small)
        like_last, like_any = self._kept.likeness(one)
        judged = _Judged(
            frame.number,
            frame.time_s,
            self._measures.sharpness(grey, small),
            float(np.std(small)),
            like_last,
            like_any,
            "kept",
            one,
        )
        judged.decision = self._decision(judged)
        if judged.decision == "similar" and self._is_better(judged):
            self._replace_waiting()
            judged.decision = "kept"
        if judged.decision in {"kept", "kept-rare"}:
            self.settle()
            judged.picture = frame.rgb()
            self._kept.add(one)
        if judged.decision == "kept-rare":
            self._waiting = judged
        else:
            self._finish(judged)

    def settle(self) -> None:
        """Write the frame that waits for a sharper one: none came."""
        if self._waiting is not None:
            self._finish(self._waiting)
            self._waiting = None

    def _decision(self, judged: _Judged) -> Decision:
        if judged.spread < FLAT_BELOW:
            return "flat"
        is_new = judged.like_any is None or judged.like_any < self._options.rare_below
        sharp = judged.sharpness
        if (
            sharp is not None
            and sharp < self._options.blurred_below
            and not (is_new and sharp >= self._options.soft_above)
        ):
            return "blurred"
        if self._is_like_last(judged):
            return "similar"
        return "kept" if sharp is None or sharp >= self._options.blurred_below else "kept-rare"

    def _is_like_last(self, judged: _Judged) -> bool:
        if judged.like_last is None or self._kept.last is None:
            return False
        if judged.like_last >= self._options.similar_above:
            return True
        same = self._measures.is_same_view
        return same is not None and same(self._kept.last, judged.print)

    def _is_better(self, judged: _Judged) -> bool:
        """Return whether the frame before only was kept for want of a sharp one."""
        limit = self._options.blurred_below
        return self._waiting is not None and (judged.sharpness is None or judged.sharpness >= limit)

    def _replace_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.decision, self._waiting.picture = "replaced", None
            self._finish(self._waiting)
            self._waiting = None
            self._kept.drop_last()

    def _finish(self, judged: _Judged) -> None:
        self.decisions[judged.decision] += 1
        name = None if judged.picture is None else self._writer.save(judged.number, judged.picture)
        judged.picture = None
        numbers = {
            key: None if value is None else round(value, 4)
            for key, value in (
                ("time_s", judged.time_s), ("sharpness", judged.sharpness), ("spread", judged.spread),
                ("like_last", judged.like_last), ("like_any", judged.like_any),
            )
        }  # fmt: skip
        self._writer.note({"frame": judged.number, "decision": judged.decision, **numbers, "file": name})


def _no_frame(video: Path, notes: Sequence[Text]) -> Problem:
    return Problem(
        "video-without-frames",
        Text(f"no frame could be read from `{video.name}`", f"无法从 `{video.name}` 读出任何一帧"),
        notes[0] if notes else None,
        Text(
            "copy the video again, or convert it: ffmpeg -i VIDEO new.mp4",
            "重新复制该视频，或转换：ffmpeg -i 视频 new.mp4",
        ),
    )


def _no_times(name: str) -> Problem:
    return Problem(
        "video-without-times",
        Text(f"the frames of `{name}` carry no times", f"`{name}` 的帧没有时间"),
        fix=Text("take every n-th frame instead: `--every 12`", "改为每隔 n 帧取一帧：`--every 12`"),
    )
