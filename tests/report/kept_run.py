"""Run folders as a finished run leaves them, with a recording whose course is chosen; nothing is trained."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from PIL import Image

from orchestrator.core.record import record_text
from orchestrator.core.text import Text
from orchestrator.diagnose.case import make_case
from orchestrator.observe.read import read_run
from orchestrator.plan.explain import PLAN_RECORD_VERSION, plan_record
from orchestrator.prepared import prepare
from orchestrator.recipe.dump import dump_resolved, overridden
from orchestrator.report.judged import Finished, report_own
from orchestrator.run.records.create import create_run
from orchestrator.run.records.model import Ending, Outcome
from orchestrator.run.records.run_record import end_record, start_record, write_run_record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from orchestrator.core.rundir import RunDir

TIMES = [100.0, 300.0, 500.0, 700.0, 900.0]
COUNT = 14
RECIPE = """\
# my trophy
recipe_version: 1
name: {name}
subject: {{kind: object, trigger: zxq, class_tokens: cup}}
base_model: {{family: pocket}}
concepts:
  - image_dir: ../pictures
train:
  target_steps: 60  # long enough
  train_batch_size: 4
  unet_lr: 2e-3
  text_encoder_lr: 1e-3
  lr_warmup_steps: 10
"""
SUCCEEDED = Outcome(Ending.SUCCEEDED, 0, "ok", Text("The training finished.", "训练已完成。"), 60.0, 5.0)


def write_recipe(folder: Path, text: str = RECIPE, name: str = "cup") -> Path:
    """Write a recipe, and the pictures it is about beside its folder."""
    pictures = folder / "pictures"
    if not pictures.is_dir():
        pictures.mkdir(parents=True)
        for index in range(COUNT):
            Image.new("RGB", (64, 64), (10 * index, 90, 200)).save(pictures / f"{index:02d}.png")
            (pictures / f"{index:02d}.txt").write_text(f"zxq, view {index}", encoding="utf-8")
    path = folder / "recipes" / "cup.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text.format(name=json.dumps(name, ensure_ascii=False)), encoding="utf-8")
    return path


def keep_run(
    recipe: Path,
    overrides: Sequence[str] = (),
    *,
    gain: float | None = 0.4,
    caption: str = "c0ffee00",
    outcome: Outcome = SUCCEEDED,
    reports: bool = True,
) -> tuple[RunDir, Finished | None]:
    """Lay down the next run of a recipe in `runs/` beside its folder, and report it.

    `gain`: share of the base model's loss that training took away (negative: it added); None: nothing was recorded.
    """
    done = prepare(recipe, overrides)
    assert done.plan is not None
    assert done.build is not None
    assert not done.problems
    resolved = dump_resolved(done.loaded)
    own: dict[str, str | bytes] = {
        "recipe.yaml": recipe.read_bytes(),
        "recipe.resolved.yaml": resolved,
        "plan.json": record_text("plan", PLAN_RECORD_VERSION, plan_record(done.plan)),
    }
    rundir = create_run(recipe.parents[1] / "runs", done.plan.name, done.build, extra_files=own)
    record = start_record(done.plan.name, done.plan.family, resolved, done.trainer, done.build.commands)
    folder = os.path.relpath(done.loaded.base_dir, rundir.root)
    record = end_record(replace(record, recipe_dir=folder, overrides=overridden(done.loaded)), outcome)
    write_run_record(rundir, record)
    if gain is not None:
        rundir.telemetry.mkdir(parents=True, exist_ok=True)
        (rundir.telemetry / "rank0.jsonl").write_text(recording(gain, done.plan.steps.total_steps, caption))
    if not reports:
        return rundir, None
    case = make_case(done.loaded, done.dataset, done.plan, read_run(rundir.root), outcome)
    return rundir, report_own(case, rundir, record, "en")


def recording(gain: float, steps: int, caption: str) -> str:
    """Return the lines of a recorder: two held-out pictures, ten probes on a course towards `gain`."""
    hooks = {"process_batch": True, "get_noise_pred_and_target": True}
    lines: list[dict[str, Any]] = [
        {"k": "head", "v": 1, "entry": "train_network", "rank": 0, "world": 1, "mode": "probe", "started": 1.0,
         "objective": "epsilon", "hooks": hooks},
        *({"k": "pic", "i": i, "name": f"10_zxq cup/{i:02d}.png", "caption": caption, "bucket": [64, 64],
           "held_out": i >= COUNT - 2} for i in range(COUNT)),
        _probe(0, 0.0, "start"),
    ]  # fmt: skip
    for number in range(1, 11):
        step = steps * number // 10
        lines += [{"k": "s", "n": n, "t": [500.0], "l": [0.2], "g": [1.0], "i": [n % 12], "gn": 0.4, "cl": False, "lr": [1e-3]}
                  for n in range(steps * (number - 1) // 10 + 1, step + 1)]  # fmt: skip
        lines.append(_probe(step, gain * (1 - math.exp(-number / 2)), "train"))
    lines += [_probe(steps, 0.0, "end"), {"k": "end", "n": steps, "reason": "finished", "log_s": 0.1, "probe_s": 0.5}]
    return "".join(json.dumps(line) + "\n" for line in lines)


def _probe(step: int, gain: float, when: str) -> dict[str, Any]:
    shown = [0, 1, COUNT - 2, COUNT - 1]
    wobble = 0.001 * math.sin(step) if when == "train" else 0.0
    losses = [[(0.3 + 0.02 * n) * (1 - t / 1200) * (1 - gain + wobble) for t in TIMES] for n in range(len(shown))]
    return {"k": "p", "n": step, "on": when == "train", "when": when, "t": TIMES, "i": shown, "l": losses,
            "g": [[1.0] * len(TIMES)] * len(shown), "s": 0.05}  # fmt: skip
