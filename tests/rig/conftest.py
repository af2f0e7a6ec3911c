"""Real sd-scripts, where LORA_RIG names a folder with its checkout, environment and a small base model (docs/rig.md)."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest
from PIL import Image


@pytest.fixture(scope="session")
def rig() -> Path:
    """The folder of the rig; the test is skipped where there is none."""
    named = os.environ.get("LORA_RIG")
    if not named:
        pytest.skip("LORA_RIG is not set: real sd-scripts is not here (docs/rig.md)")
    return Path(named)


@pytest.fixture(scope="session")
def rig_home(rig: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vendor home that has adopted the rig's checkout and interpreter."""
    from orchestrator.run.installed.vendor import install

    home = tmp_path_factory.mktemp("vendor-home")
    before = os.environ.get("LORA_ORCHESTRATOR_HOME")
    os.environ["LORA_ORCHESTRATOR_HOME"] = str(home)
    try:
        install("sd-scripts", path=rig / "sd-scripts", python=str(rig / "venv/bin/python"), allow_changes=True)
    finally:
        if before is None:
            del os.environ["LORA_ORCHESTRATOR_HOME"]
        else:
            os.environ["LORA_ORCHESTRATOR_HOME"] = before
    return home


@pytest.fixture
def rig_recipe(rig: Path, tmp_path: Path) -> Path:
    """The sd15 preset on the small base, over 16 drawn pictures of two shapes."""
    return write_recipe(rig, tmp_path, "recipe.yaml")


def write_recipe(rig: Path, tmp_path: Path, name: str) -> Path:
    """Write the recipe `name` of this folder and its pictures."""
    images = tmp_path / "images"
    images.mkdir()
    for index in range(16):
        size = (64, 64) if index % 3 else (64, 96)
        noise = random.Random(index).randbytes(8 * 8 * 3)
        Image.frombytes("RGB", (8, 8), noise).resize(size).save(images / f"{index:02d}.png")
        (images / f"{index:02d}.txt").write_text(f"zxq, man, number {index}", encoding="utf-8")
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    recipe = tmp_path / "rig.yaml"
    recipe.write_text(text.replace("IMAGES", str(images)).replace("RIG", str(rig)), encoding="utf-8")
    return recipe
