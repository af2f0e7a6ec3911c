"""One small, good recipe for sd-scripts, in which each test spoils what it is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image

from orchestrator.recipe.dump import to_yaml
from tests.hostile.files import tensors
from tests.report.conftest import make_data, make_recorded  # noqa: F401  fixtures of the report

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the tool's own: nothing is trusted, no trainer is installed."""
    monkeypatch.setenv("LORA_ORCHESTRATOR_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    for index in range(6):
        Image.new("RGB", (64, 64), (index * 40, 90, 120)).save(folder / f"{index}.png")
        (folder / f"{index}.txt").write_text(f"zxq, man, view {index}")
    return folder


@pytest.fixture
def recipe(tmp_path: Path, images: Path) -> Callable[..., Path]:
    """Return a function that writes the recipe; keywords are its sections, laid over the good ones."""
    (tmp_path / "base.safetensors").write_bytes(tensors())

    def write(**sections: Any) -> Path:
        data: dict[str, Any] = {
            "recipe_version": 1,
            "name": "alice",
            "subject": {"kind": "character", "trigger": "zxq", "class_tokens": "man"},
            "base_model": {"family": "sd15", "pretrained_model_name_or_path": "base.safetensors"},
            "concepts": [{"image_dir": images.name}],
            "train": {"target_steps": 300, "optimizer_type": "AdamW"},
        }
        for name, section in sections.items():
            data[name] = {**data.get(name, {}), **section} if isinstance(section, dict) else section
        path = tmp_path / "alice.yaml"
        path.write_text(to_yaml(data), encoding="utf-8")
        return path

    return write
