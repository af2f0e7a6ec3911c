"""What the run asked for: `telemetry.json` at the root of the run folder."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

FORMAT = 1
MODES = ("log", "probe")
FEWEST_PROBES = 8
"""With the LoRA on, in any run of that many steps."""
LONGEST_INTERVAL = 200
"""Optimizer steps between two probes of a long run."""
PICTURES = 4
TIMESTEPS = (100.0, 300.0, 500.0, 700.0, 900.0)
SEED = 20260101


@dataclass(frozen=True, slots=True)
class Settings:
    """Checked content of `telemetry.json`."""

    mode: str
    folder: Path
    probe_every_steps: int | None = None
    """None: by `default_interval`."""
    probe_pictures: int = PICTURES
    """At most that many training pictures, and as many held-out ones."""
    probe_timesteps: tuple[float, ...] = TIMESTEPS
    probe_seed: int = SEED
    total_steps: int | None = None
    trigger: str | None = None
    """Word taken out of the captions for one more probe at the end; None: no such probe."""


def default_interval(total_steps: int) -> int:
    """Optimizer steps between two probes: `min(200, total_steps // 8)`, at least 1.

    A probe of 8 pictures at 5 timesteps costs about 6 steps at batch 2, so 8 of them and the two of the base model
    stay below 5 % from 1,500 steps on.
    """
    return max(1, min(LONGEST_INTERVAL, total_steps // FEWEST_PROBES))


def probe_interval(asked: int | None, total_steps: int) -> int:
    """Steps between probes: what was asked for, but never so far apart that fewer than 8 fit into the run."""
    if asked is None:
        return default_interval(total_steps)
    return max(1, min(asked, total_steps // FEWEST_PROBES))


def is_due(number: int, interval: int, total_steps: int) -> bool:
    """Whether to probe after this step, the last one apart: at every interval, but not so near the end that the last probe says it all.

    Leaving out the one before the end still leaves 8 with it: below `total_steps` lie 7 intervals, or 8 where it is no multiple.
    """
    return number % interval == 0 and 2 * (total_steps - number) >= interval


def read_settings(path: Path) -> Settings:
    """Read and check the file. Raises `OSError` or `ValueError` saying what is wrong; unknown keys are ignored."""
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise ValueError(f"{path.name}: an object is expected, found {type(content).__name__}")  # noqa: TRY004
    if content.get("version") != FORMAT:
        raise ValueError(f"{path.name}: version {FORMAT} is expected, found {content.get('version')!r}")
    if content.get("mode") not in MODES:
        raise ValueError(f"{path.name}: mode must be one of {', '.join(MODES)}, found {content.get('mode')!r}")
    if not isinstance(content.get("folder"), str) or not content["folder"]:
        raise ValueError(f"{path.name}: folder must name the folder to write into")
    timesteps = tuple(float(value) for value in content.get("probe_timesteps", TIMESTEPS))
    if not timesteps or not all(0 < value < 1000 for value in timesteps):
        raise ValueError(f"{path.name}: probe_timesteps must lie between 0 and 1000, found {list(timesteps)}")
    return Settings(
        mode=content["mode"],
        folder=Path(content["folder"]),
        probe_every_steps=_whole(content, "probe_every_steps", path.name),
        probe_pictures=_whole(content, "probe_pictures", path.name) or PICTURES,
        probe_timesteps=timesteps,
        probe_seed=_whole(content, "probe_seed", path.name) or SEED,
        total_steps=_whole(content, "total_steps", path.name),
        trigger=_word(content, "trigger", path.name),
    )


def _whole(content: dict[str, object], key: str, file: str) -> int | None:
    """A whole number of at least 1, or None where the key is absent, null or 0."""
    value = content.get(key)
    if value is None or value == 0:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{file}: {key} must be a whole number of at least 1, found {value!r}")
    return value


def _word(content: dict[str, object], key: str, file: str) -> str | None:
    """A text, or None where the key is absent, null or blank."""
    value = content.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{file}: {key} must be a text, found {value!r}")
    return value.strip() or None if value else None
