"""The picture folders of the benchmark: a subject's own, with a fault planted in them, and fresh ones of the same kind."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from pocket_scenes import draw_scene

from benchmark.faults import CONFIGS, FEW, FEW_HELD_OUT
from benchmark.subjects import SUBJECTS, draw_outlier

if TYPE_CHECKING:
    from pathlib import Path

    from benchmark.faults import Config, Pictures
    from benchmark.subjects import Drawn

FRESH_SEED = 900_000
NUM_FRESH = 24
OUTLIERS = 2


def draw_training(config: Config, seed: int, kind: Pictures) -> list[Drawn]:
    """The pictures of a run's folder, held-out ones included; `seed` decides which."""
    subject = SUBJECTS[config.subject]
    count = FEW + FEW_HELD_OUT if kind == "few" else config.pictures
    drawn = [subject.draw(1000 * seed + index) for index in range(count)]
    rng = random.Random(seed)
    captions = [caption for _, caption in drawn]
    if kind == "copies":
        kept = count - max(config.hold_out, 4)
        drawn = [drawn[0]] * kept + drawn[kept:]
    elif kind == "outliers":
        for index in rng.sample(range(count), OUTLIERS):
            drawn[index] = (draw_outlier(1000 * seed + index), captions[index])
    elif kind == "two-concepts":
        other = SUBJECTS[_other(config.subject)]
        for index in range(0, count, 2):
            picture, caption = other.draw(1000 * seed + index)
            drawn[index] = (picture, caption.replace(other.trigger, subject.trigger))
    elif kind == "captions-swapped":
        drawn = [(picture, captions[index - count // 2]) for index, (picture, _) in enumerate(drawn)]
    elif kind == "captions-wrong":
        wrong = [draw_scene(random.Random(5000 * seed + index))[1] for index in range(count)]
        drawn = [(picture, f"{subject.trigger}, {wrong[index]}") for index, (picture, _) in enumerate(drawn)]
    elif kind == "no-trigger":
        drawn = [(picture, caption.removeprefix(f"{subject.trigger}, ")) for picture, caption in drawn]
    return drawn


def _other(subject: str) -> str:
    names = sorted({config.subject for config in CONFIGS.values()})
    return names[(names.index(subject) + 1) % len(names)]


def draw_fresh(config: Config) -> list[Drawn]:
    """Pictures of the subject that no folder holds."""
    return [SUBJECTS[config.subject].draw(FRESH_SEED + index) for index in range(NUM_FRESH)]


def write_folder(folder: Path, drawn: list[Drawn]) -> None:
    """Write pictures and captions, `000.png` beside `000.txt`."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, (picture, caption) in enumerate(drawn):
        picture.save(folder / f"{index:03d}.png")
        (folder / f"{index:03d}.txt").write_text(caption + "\n", encoding="utf-8")
