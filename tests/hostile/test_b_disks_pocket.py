"""Real training on the embedded trainer: predicted sizes against real files, and the final network rescued after a full disk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

pytest.importorskip("torch", reason="the pocket extra is not installed")

from orchestrator.backends.network_size import network_size
from orchestrator.plan.saves import network_file_bytes, state_bytes
from orchestrator.run.saved.rescue import rescue_network
from tests.backends.plans import make_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.plan.model import Plan

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
TRAINER = ROOT / "orchestrator" / "backends" / "pocket" / "trainer" / "train_network.py"
CASES = (("AdamW", "fp16"), ("SGD", "float"), ("RMSprop", "bf16"))
RELIABILITY = {
    "B01": f"{len(CASES)} pairs of optimizer and precision on pocket, files and states within 3 % (all 24, and real sd-scripts, in docs/log.md)",
    "B04": "pocket on a tmpfs full between the last state and the last file: the file made from the state, equal to that of a run with room",
}
LEAST = 0.03


def train(folder: Path, output: Path, **options: str) -> subprocess.CompletedProcess[bytes]:
    pictures = folder / "6_glx thing"
    if not pictures.exists():
        pictures.mkdir()
        for number in range(6):
            Image.new("RGB", (64, 64), (40 * number % 255, 120, 200)).save(pictures / f"p{number}.png")
            (pictures / f"p{number}.txt").write_text("glx thing", encoding="utf-8")
        (folder / "dataset.toml").write_text(
            '[general]\ncaption_extension = ".txt"\n[[datasets]]\nresolution = 64\nbatch_size = 4\n'
            '[[datasets.subsets]]\nimage_dir = "6_glx thing"\nnum_repeats = 1\nclass_tokens = "glx thing"\n',
            encoding="utf-8",
        )
    lines = [
        'pretrained_model_name_or_path = "pocket"', 'dataset_config = "dataset.toml"', f'output_dir = "{output}"',
        'output_name = "thing"', 'network_module = "networks.lora"', "network_dim = 8", "network_alpha = 8", "unet_lr = 1e-3",
        "learning_rate = 1e-3", "text_encoder_lr = 5e-4", "seed = 4", 'mixed_precision = "no"', "max_data_loader_n_workers = 0",
        "max_train_epochs = 2", "save_state_on_train_end = true", *(f'{key} = "{value}"' for key, value in options.items()),
    ]  # fmt: skip
    (folder / "train.toml").write_text("\n".join(lines), encoding="utf-8")
    return subprocess.run(
        [sys.executable, str(TRAINER), "--config_file", "train.toml"],
        cwd=folder,
        env={**os.environ, "PYTHONUTF8": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )


def plan_of(**values: Any) -> Plan:
    return make_plan("pocket", None, None, pretrained_model_name_or_path="pocket", network_dim=8, **values)


@pytest.mark.parametrize(("optimizer", "precision"), CASES)
def test_b01_predicted_sizes_are_those_of_real_files(tmp_path: Path, optimizer: str, precision: str) -> None:
    output = tmp_path / "model"
    done = train(tmp_path, output, optimizer_type=optimizer, save_precision=precision)
    assert done.returncode == 0, done.stdout[-2000:]
    plan = plan_of(optimizer_type=optimizer, save_precision=precision)
    size = network_size(plan)
    assert size.is_counted
    network = (output / "thing.safetensors").stat().st_size
    state = sum(path.stat().st_size for path in (output / "thing-state").iterdir())
    assert network_file_bytes(plan, size) == pytest.approx(network, rel=LEAST)
    assert state_bytes(plan, size) == pytest.approx(state, rel=LEAST)


def test_b04_the_final_network_comes_back_from_the_state(tmp_path: Path, small_disk: Callable[[str], Path]) -> None:
    precision = "bf16"
    size = network_size(plan_of())
    network, state = (find(plan_of(save_precision=precision), size) for find in (network_file_bytes, state_bytes))
    folder = small_disk(f"size={state + network // 2 + 64 * 1024}")
    torn = train(tmp_path, folder, save_precision=precision)
    assert torn.returncode != 0
    final = folder / "thing.safetensors"
    assert not final.exists() or final.stat().st_size < 0.9 * network

    made = rescue_network(
        folder / "thing-state", tmp_path / "thing.safetensors", step=4, epoch=2, save_precision=precision
    )

    whole = train(tmp_path, tmp_path / "room", save_precision=precision)
    assert whole.returncode == 0
    assert _data(made.path) == _data(tmp_path / "room" / "thing.safetensors")


def _data(path: Path) -> bytes:
    content = path.read_bytes()
    return content[8 + int.from_bytes(content[:8], "little") :]
