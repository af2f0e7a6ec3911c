"""Plans of recipes written in the test, over pictures made in the test."""

from __future__ import annotations

import struct
import zlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.errors import InputError
from orchestrator.dataset.pairs import find_pairs
from orchestrator.dataset.scan import FolderRequest, scan_dataset
from orchestrator.plan.resolve import make_plan
from orchestrator.recipe.load import load_recipe

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.core.finding import Problem
    from orchestrator.plan.model import Plan

HEAD = """\
recipe_version: 1
name: alice
subject: {kind: character, trigger: alicechar, class_tokens: girl}
base_model: {family: sd15, pretrained_model_name_or_path: base.safetensors}
concepts:
  - image_dir: set
"""


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.fixture
def pictures(tmp_path: Path) -> Callable[..., Path]:
    """Make `count` pictures of one size in a folder beside the recipe, each with the caption."""

    def make(
        folder: str, count: int, size: tuple[int, int] = (512, 512), caption: str | None = "alicechar, smiling"
    ) -> Path:
        path = tmp_path / folder
        path.mkdir(parents=True, exist_ok=True)
        header = _chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0))
        start, end = b"\x89PNG\r\n\x1a\n" + header, _chunk(b"IDAT", zlib.compress(b"")) + _chunk(b"IEND", b"")
        have = len(list(path.glob("*.png")))
        for index in range(have, have + count):
            own = _chunk(b"tEXt", f"Title\0{folder} {index}".encode())  # no two are the same file
            (path / f"{index:03d}.png").write_bytes(start + own + end)
            if caption is not None:
                (path / f"{index:03d}.txt").write_text(caption, encoding="utf-8")
        return path

    return make


@pytest.fixture
def plan_of(tmp_path: Path) -> Callable[..., Plan]:
    """Plan the recipe `head + body`; a body that begins with `recipe_version` stands alone."""

    def plan(body: str = "", *overrides: str) -> Plan:
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text(body if body.startswith("recipe_version") else HEAD + body, encoding="utf-8")
        loaded = load_recipe(recipe, overrides)
        requests = [
            FolderRequest(loaded.resolve_path(f"concepts[{i}].image_dir"), c.caption_extension, bool(c.is_reg))
            for i, c in enumerate(loaded.recipe.concepts)
        ]
        found = scan_dataset(requests)
        return make_plan(loaded, replace(found, pairs=find_pairs(found.folders)))

    return plan


@pytest.fixture
def refused(plan_of: Callable[..., Plan]) -> Callable[..., dict[str, Problem]]:
    """Plan a recipe that must be refused and return its problems by code."""

    def problems(body: str = "", *overrides: str) -> dict[str, Problem]:
        with pytest.raises(InputError) as caught:
            plan_of(body, *overrides)
        return {p.code: p for p in caught.value.problems}

    return problems
