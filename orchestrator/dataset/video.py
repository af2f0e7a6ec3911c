"""A video, opened by PyAV: its frames upright, in square pixels and true colours, with their times. Broken parts are passed by and told.

The file is handed to FFmpeg as bytes and every protocol is forbidden: what is inside, a playlist for one, cannot make it open other files
or the network.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from orchestrator.core.errors import EnvironmentFault, InputError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text, plural, same

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    Grey = NDArray[np.uint8]

MOST_PIXELS: Final = 178_956_970
"""Of one frame: what Pillow, and so the trainer, would refuse as a picture."""
SMALL_SIDE: Final = 160
"""As in `pixels/decode.py`: the shorter side of the reduced grey is this to twice this."""
_LEAST_SIDE: Final = 8
_HD_SIDE: Final = 720
"""From this height on players take unmarked colours for those of HDTV."""
_UNMARKED: Final = 2
_HDR: Final = frozenset((16, 18))
"""`color_trc` of PQ and HLG."""
_CUT_S, _CUT_SHARE = 1.0, 0.02
"""A video that ends so much before its stated length was cut off; containers round."""
_DRAWN_TEXT: Final = frozenset(("tty", "bin", "xbin", "adf", "idf"))
"""Readers of FFmpeg that draw the letters of a text file; the name of the file is enough for them."""
_ONE_PICTURE: Final = ("_pipe", "image2")
"""Ends of the names of its readers of a single picture."""


class VideoFrame:
    """One frame."""

    def __init__(self, number: int, frame: Any, aspect: float) -> None:
        self.number = number
        """From 0, in the order they are shown."""
        self.time_s: float | None = frame.time
        self._frame, self._aspect = frame, aspect
        self._rgb: NDArray[np.uint8] | None = None

    def rgb(self) -> NDArray[np.uint8]:
        """Return (height, width, 3) as a player shows it."""
        import numpy as np

        if self._rgb is None:
            frame = self._frame
            # Unmarked is guessed as players guess; FFmpeg itself would take all of it for old television.
            is_unmarked_hd = frame.colorspace == _UNMARKED and frame.height >= _HD_SIDE
            wide = max(1, round(frame.width * self._aspect))
            shown = frame.reformat(
                wide,
                frame.height,
                "rgb24",
                src_colorspace="itu709" if is_unmarked_hd else None,
                interpolation="BICUBIC",
            )
            turned = np.rot90(shown.to_ndarray(), round(frame.rotation / 90))
            self._rgb = np.ascontiguousarray(turned)
        return self._rgb

    def greys(self) -> tuple[Grey, Grey]:
        """Return grey at full size and reduced."""
        import numpy as np
        from PIL import Image

        grey = Image.fromarray(self.rgb()).convert("L")
        factor = max(1, min(grey.size) // SMALL_SIDE)
        return np.asarray(grey), np.asarray(grey.reduce(factor) if factor > 1 else grey)


class Video:
    """An open video."""

    def __init__(self, name: str, container: Any, stream: Any) -> None:
        self.name = name
        self.decoded = 0
        self._container, self._stream = container, stream
        self._damaged = 0
        self._broken = ""
        self._last_s = 0.0
        self._is_interlaced = self._is_hdr = False
        ratio = stream.sample_aspect_ratio
        self._aspect = float(ratio) if ratio and 0.1 < ratio < 10 else 1.0

    @property
    def length_s(self) -> float | None:
        """As the file states it."""
        if self._stream.duration and self._stream.time_base:
            return float(self._stream.duration * self._stream.time_base)
        return self._container.duration / 1_000_000 if self._container.duration else None

    @property
    def facts(self) -> dict[str, Any]:
        """What the file says about itself, for the manifest."""
        context = self._stream.codec_context
        rate = self._stream.average_rate
        return {
            "codec": context.name, "width": context.width, "height": context.height, "length_s": self.length_s,
            "frames_per_s": float(rate) if rate else None, "pixel_aspect": self._aspect,
        }  # fmt: skip

    def frames(self) -> Iterator[VideoFrame]:
        """Return every frame that is whole."""
        import av

        try:
            for packet in self._container.demux(self._stream):
                try:
                    found = packet.decode()
                except av.FFmpegError:
                    self._damaged += 1
                    continue
                for frame in found:
                    number, self.decoded = self.decoded, self.decoded + 1
                    if frame.is_corrupt or not self._is_fit(frame):
                        self._damaged += 1
                        continue
                    self._look(frame)
                    yield VideoFrame(number, frame, self._aspect)
        except av.FFmpegError as error:
            self._broken = str(error)

    def _is_fit(self, frame: Any) -> bool:
        """Sizes may change within a stream."""
        pixels: float = frame.width * frame.height * self._aspect
        side: int = min(frame.width, frame.height)
        return side >= _LEAST_SIDE and pixels <= MOST_PIXELS

    def _look(self, frame: Any) -> None:
        self._is_interlaced |= bool(frame.interlaced_frame)
        self._is_hdr |= frame.color_trc in _HDR
        if frame.time is not None:
            start = float((self._stream.start_time or 0) * (self._stream.time_base or 0))
            self._last_s = max(self._last_s, frame.time - start)

    @property
    def notes(self) -> tuple[Text, ...]:
        """What was wrong, once the frames were read."""
        notes = []
        if self._broken:
            notes.append(
                Text(
                    f"reading stopped at {self._last_s:.1f} s: {self._broken}",
                    f"在 {self._last_s:.1f} 秒处停止读取：{self._broken}",
                )
            )
        elif self.decoded and self.length_s and self.length_s - self._last_s > max(_CUT_S, _CUT_SHARE * self.length_s):
            notes.append(
                Text(
                    f"the video ends at {self._last_s:.1f} s of {self.length_s:.1f} s: the file is cut off",
                    f"视频共 {self.length_s:.1f} 秒，在 {self._last_s:.1f} 秒处中断：文件不完整",
                )
            )
        if self._damaged:
            notes.append(
                Text(
                    f"{plural(self._damaged, 'damaged part was', 'damaged parts were')} passed by",
                    f"跳过了 {self._damaged} 处损坏",
                )
            )
        if self._is_interlaced:
            notes.append(
                Text(
                    "the video is interlaced, which shows as combs at moving edges: run it through `ffmpeg -i VIDEO -vf yadif new.mp4` first",
                    "视频是隔行扫描的，运动边缘会出现梳状纹：请先用 `ffmpeg -i 视频 -vf yadif new.mp4` 处理",
                )
            )
        if self._is_hdr:
            notes.append(
                Text(
                    "the video is HDR: its frames look pale until it is converted to SDR",
                    "视频是 HDR：转换为 SDR 之前，画面会发灰",
                )
            )
        return tuple(notes)


@contextmanager
def open_video(path: Path) -> Iterator[Video]:
    """Open the file at `path`. Raises InputError for what is no video or too large, EnvironmentFault where PyAV is missing."""
    try:
        import av
    except ImportError as error:
        raise EnvironmentFault([_missing_package()]) from error
    if not path.is_file():
        raise InputError([_no_file(path)])
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError([_unreadable(path, error.strerror or type(error).__name__)]) from error
    with file:
        try:
            container = av.open(file, options={"protocol_whitelist": "none"}, metadata_errors="replace")
        except (av.FFmpegError, OSError, ValueError) as error:
            raise InputError([_unreadable(path, str(error))]) from error
        with container:
            _refuse_no_video(path, container.format.name)
            yield Video(path.name, container, _stream(path, container))


def _refuse_no_video(path: Path, reader: str) -> None:
    if reader in _DRAWN_TEXT:
        raise InputError([_unreadable(path, Text("it holds text", "其中是文本"))])
    if reader.endswith(_ONE_PICTURE):
        raise InputError([_one_picture(path)])


def _stream(path: Path, container: Any) -> Any:
    from av.stream import Disposition

    streams = [one for one in container.streams.video if not one.disposition & Disposition.attached_pic]
    if not streams:
        raise InputError([_no_stream(path)])
    stream = streams[0]
    context = stream.codec_context
    if context is None:
        raise InputError([_unreadable(path, "no decoder for its codec")])
    if context.width * context.height > MOST_PIXELS:
        raise InputError([_too_large(path, context.width, context.height)])
    # The decoder's own limit too: what the container says need not be what is inside.
    context.options = {"max_pixels": str(MOST_PIXELS)}
    stream.thread_type = "AUTO"
    return stream


def _missing_package() -> Problem:
    return Problem(
        "package-missing",
        Text("the package `av` (PyAV) is not installed", "未安装软件包 `av`（PyAV）"),
        Text("only this tool needs it, so it is an extra", "只有这个工具需要它，因此是可选组件"),
        Text("install it: pip install 'lora-orchestrator[frames]'", "请安装：pip install 'lora-orchestrator[frames]'"),
    )


def _no_file(path: Path) -> Problem:
    return Problem(
        "video-missing",
        Text(f"`{path}` is no file", f"`{path}` 不是文件"),
        fix=Text("write the path of a video", "请写视频文件的路径"),
    )


def _unreadable(path: Path, reason: str | Text) -> Problem:
    return Problem(
        "video-unreadable",
        Text(f"`{path.name}` is no video that can be read", f"`{path.name}` 不是可读取的视频"),
        same(reason) if isinstance(reason, str) else reason,
        Text("copy it again, or convert it: ffmpeg -i VIDEO new.mp4", "重新复制，或转换：ffmpeg -i 视频 new.mp4"),
    )


def _one_picture(path: Path) -> Problem:
    return Problem(
        "video-is-a-picture",
        Text(f"`{path.name}` is a picture, no video", f"`{path.name}` 是图片，不是视频"),
        fix=Text("name a video; a picture can be put into the folder as it is", "请指定视频；图片可直接放入文件夹"),
    )


def _no_stream(path: Path) -> Problem:
    return Problem(
        "video-without-pictures",
        Text(f"`{path.name}` holds no moving pictures", f"`{path.name}` 中没有视频画面"),
        Text("sound alone, or sound with a cover picture", "只有声音，或声音加封面图"),
        Text("name a video", "请指定视频文件"),
    )


def _too_large(path: Path, width: int, height: int) -> Problem:
    return Problem(
        "video-too-large",
        Text(f"the frames of `{path.name}` are {width} x {height}", f"`{path.name}` 的画面为 {width} x {height}"),
        Text(f"pictures of more than {MOST_PIXELS} pixels are refused by the trainer", f"训练器拒绝超过 {MOST_PIXELS} 像素的图片"),
        Text("make it smaller: ffmpeg -i VIDEO -vf scale=-2:2160 new.mp4", "请缩小：ffmpeg -i 视频 -vf scale=-2:2160 new.mp4"),
    )  # fmt: skip
