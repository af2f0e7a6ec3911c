"""Faces of people in photographs, by OpenCV's Haar cascades, where the user has them.

Viola and Jones, Rapid object detection using a boosted cascade of simple features (2001). The cascades were trained on photographs and come
inside `opencv-python-headless` before version 5. They see frontal faces that stand upright, few profiles, and drawn faces by chance
only: on drawn pictures what they say is no more than a hint, and saying nothing means nothing.
"""

from __future__ import annotations

import importlib
import threading
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from orchestrator.dataset.pixels.model import Face

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

NO_OPENCV: Final = "no-opencv"
NO_CASCADES: Final = "opencv-without-cascades"
_CASCADES: Final = ("haarcascade_frontalface_alt2.xml", "haarcascade_profileface.xml")
"""`alt2` is the careful one of the frontal cascades: on 200 photographs it alone sees faces in 19, `default` in 33. See docs/log.md."""
_LOOKED_AT_SIDE: Final = 480
"""Pixels of the longer side. At 320 it takes half as long and misses a third of the faces."""
_LEAST_FACE: Final = 24
"""Pixels: the cascades were trained on 20 to 24."""
_STEP: Final = 1.15
"""Sizes looked for, each so many times the last; OpenCV's own 1.1 takes half as long again."""
_AGREEING: Final = 5
"""So many overlapping hits make a face; OpenCV's own default of 3 sees faces in foliage."""
_DIGITS: Final = 4
"""Of shares: a tenth of a pixel of a thousand."""


_loaded = threading.local()


@cache
def why_not() -> str:
    """Return why nobody can look for faces here: `NO_OPENCV` (install the extra) or `NO_CASCADES` (OpenCV 5 has none); empty: they can."""
    try:
        cv2: Any = importlib.import_module("cv2")  # by name: no dependency, so nothing to check it against
    except ImportError:
        return NO_OPENCV
    has_all = hasattr(cv2, "CascadeClassifier") and all(path.is_file() for path in _paths(cv2))
    return "" if has_all else NO_CASCADES


def faces_in(grey: NDArray[np.uint8]) -> tuple[Face, ...]:
    """Return the faces in `grey` (height, width), widest first. Asked only where `why_not` is empty."""
    import numpy as np

    cv2: Any = importlib.import_module("cv2")
    scale = min(1.0, _LOOKED_AT_SIDE / max(grey.shape))
    small = (
        cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        if scale < 1
        else np.ascontiguousarray(grey)
    )
    height, width = small.shape
    boxes: list[Face] = []
    frontal, profile = _cascades(cv2)
    # Profiles only where no face is seen from the front: they cost twice as much, the cascade knows left profiles alone.
    for is_turned, cascade in ((False, frontal), (False, profile), (True, profile)):
        if boxes and cascade is profile:
            break
        view = np.ascontiguousarray(small[:, ::-1]) if is_turned else small
        least = (_LEAST_FACE, _LEAST_FACE)
        hits = cascade.detectMultiScale(view, scaleFactor=_STEP, minNeighbors=_AGREEING, minSize=least)
        for x, y, across, down in np.asarray(hits).reshape(-1, 4).tolist():
            left = width - x - across if is_turned else x
            box = (left / width, y / height, (left + across) / width, (y + down) / height)
            boxes.append(Face(*(round(side, _DIGITS) for side in box)))
    return tuple(sorted(boxes, key=lambda face: (face.x0 - face.x1, face)))


def _paths(cv2: Any) -> list[Path]:
    folder = Path(getattr(getattr(cv2, "data", None), "haarcascades", "") or ".")
    return [folder / name for name in _CASCADES]


def _cascades(cv2: Any) -> tuple[Any, ...]:
    """Load them once a thread, 40 ms: two threads in one cascade disturb each other."""
    if not hasattr(_loaded, "cascades"):
        cv2.setNumThreads(1)  # pictures are looked at in parallel already
        _loaded.cascades = tuple(cv2.CascadeClassifier(str(path)) for path in _paths(cv2))
    found: tuple[Any, ...] = _loaded.cascades
    return found
