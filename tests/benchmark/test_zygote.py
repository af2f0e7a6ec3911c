"""A run forked from a warm interpreter is the run that `accelerate launch` starts: same arguments, same numbers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "scripts"))

from benchmark.faults import CONFIGS  # noqa: E402
from benchmark.pictures import draw_training, write_folder  # noqa: E402
from benchmark.produce import MODULES, Zygote  # noqa: E402
from benchmark.recipes import recipe_text  # noqa: E402
from orchestrator.prepared import prepare  # noqa: E402
from orchestrator.run.records.create import create_run  # noqa: E402

pytestmark = pytest.mark.slow


def train_both(trainer: str, tmp_path: Path, rig: Path | None) -> tuple[Path, Path]:
    """The same recipe through accelerate and through a zygote; returns both run folders."""
    images = tmp_path / "pictures"
    write_folder(images, draw_training(CONFIGS["character"], 1, "own"))
    recipe = tmp_path / "recipe.yaml"
    base = rig / "base-small" if rig else None
    recipe.write_text(recipe_text(trainer, "character", "steps-fifth", 1, images=images, base=base), encoding="utf-8")
    prepared = prepare(recipe, ["concepts.0.num_repeats=1"])
    assert prepared.build is not None, prepared.problems
    assert not prepared.problems
    (command,) = prepared.build.commands
    environment = {**command.environment, "OMP_NUM_THREADS": "1", **({"SD_SMALL_UNET": "1"} if rig else {})}
    folders = [create_run(tmp_path / name, "run", prepared.build).root for name in ("plain", "forked")]
    with (folders[0] / "console.log").open("wb") as log:
        done = subprocess.run(
            command.argv, cwd=folders[0], env={**os.environ, **environment}, stdout=log, stderr=log, check=False
        )
    assert done.returncode == 0, (folders[0] / "console.log").read_text(encoding="utf-8", errors="replace")
    zygote = Zygote(Path(command.argv[0]), prepared.trainer.root if rig else ROOT, MODULES[trainer], environment)
    code, _ = zygote.run(list(command.argv), folders[1], folders[1] / "console.log", environment)
    zygote.close()
    assert code == 0, (folders[1] / "console.log").read_text(encoding="utf-8", errors="replace")
    return folders[0], folders[1]


def tensors(run: Path) -> bytes:
    """The numbers of the final file, without its header: that holds times."""
    (file,) = (run / "attempts/001/output").glob("*steps-fifth-1.safetensors")
    data = file.read_bytes()
    return data[8 + int.from_bytes(data[:8], "little") :]


def recorded(run: Path) -> list[dict[str, Any]]:
    """Steps and probes as the recorder wrote them, without the seconds they took."""
    lines = (run / "attempts/001/telemetry/rank0.jsonl").read_text(encoding="utf-8").splitlines()
    rows: list[dict[str, Any]] = [json.loads(line) for line in lines]
    return [{key: value for key, value in row.items() if key != "s"} for row in rows if row["k"] in {"s", "p", "pic"}]


def assert_same(plain: Path, forked: Path) -> None:
    assert len(tensors(plain)) > 10_000
    assert tensors(plain) == tensors(forked)
    assert len(recorded(plain)) > 20
    assert recorded(plain) == recorded(forked)


def test_pocket_is_the_same_to_the_last_bit(tmp_path: Path) -> None:
    assert_same(*train_both("pocket", tmp_path, None))


@pytest.mark.rig
def test_real_sd_scripts_is_the_same_to_the_last_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named = os.environ.get("LORA_RIG")
    if not named:
        pytest.skip("LORA_RIG is not set: real sd-scripts is not here (docs/rig.md)")
    from orchestrator.run.installed.vendor import install

    monkeypatch.setenv("LORA_ORCHESTRATOR_HOME", str(tmp_path / "home"))
    rig = Path(named)
    install("sd-scripts", path=rig / "sd-scripts", python=str(rig / "venv/bin/python"), allow_changes=True)
    assert_same(*train_both("sd15", tmp_path, rig))
