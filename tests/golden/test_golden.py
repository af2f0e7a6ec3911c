"""Whole compiled trees: each recipe here, and the pictures its `pictures.txt` lists, must give exactly `expected/**`.

`LORA_GOLDEN=write` (`make golden`) writes the trees anew; read the difference before it is committed.
"""

from __future__ import annotations

import os
import shutil
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import toml

from orchestrator.backends.protocol import Build, Trainer
from orchestrator.backends.registry import compile_plan, trainer_of
from orchestrator.core.record import record_text
from orchestrator.plan.explain import PLAN_RECORD_VERSION, plan_record
from orchestrator.plan.resolve import make_plan
from orchestrator.plan.saved import read_plan
from orchestrator.prepared import scan
from orchestrator.recipe.load import load_recipe, shipped_recipes

if TYPE_CHECKING:
    from orchestrator.plan.model import Plan

HERE = Path(__file__).parent
CASES = sorted(path.parent.name for path in HERE.glob("*/recipe.yaml"))
PIN = "48d368fa557731ad0488c07304dfeba8c07910eb"
PLACEHOLDER = "<recipe folder>"


def _png(width: int, height: int, title: str) -> bytes:
    """A real picture of one colour, a few hundred bytes; no two titles give the same file."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = zlib.compress(b"\x00" * ((width + 7) // 8 + 1) * height, 9)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"tEXt", b"Title\0" + title.encode())
        + chunk(b"IDAT", rows)
        + chunk(b"IEND", b"")
    )


def _lay_out(case: str, folder: Path) -> Path:
    """Copy the recipe and make its pictures: each line of pictures.txt is `path | WIDTHxHEIGHT | caption`."""
    recipe = folder / "recipe.yaml"
    shutil.copyfile(HERE / case / "recipe.yaml", recipe)
    for line in (HERE / case / "pictures.txt").read_text(encoding="utf-8").splitlines():
        name, size, caption = (part.strip() for part in line.split("|"))
        width, _, height = size.partition("x")
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(_png(int(width), int(height), name))
        if caption:
            path.with_suffix(".txt").write_text(caption + "\n", encoding="utf-8")
    return recipe


def _plan(recipe: Path) -> Plan:
    loaded = load_recipe(recipe)
    return make_plan(loaded, scan(loaded))


def _compile(plan: Plan) -> Build:
    name = trainer_of(plan.family)
    root = Path("/trainer") / name
    commit = PIN if name == "sd-scripts" else "0"
    launcher = Path("/orchestrator/telemetry/launcher.py")
    trainer = Trainer(name, root / "venv/bin/python", root, commit, launcher=launcher)
    return compile_plan(plan, trainer)


def _tree(build: Build, folder: Path) -> dict[str, str]:
    """Everything that would be laid down and started, as texts."""
    command = build.commands[0]
    environment = [f"{name}={value}" for name, value in sorted(command.environment.items())]
    tree = {
        **build.files,
        "links.txt": "".join(f"{link.path} -> {link.target}\n" for link in build.links),
        "command.txt": "\n".join([*environment, *command.argv]) + "\n",
    }
    said = [f"problem {p.code}: {p.what.en}" for p in build.problems]
    said += [f"{w.rule} {w.name}: {w.message.en}" for w in build.warnings]
    if said:
        tree["said.txt"] = "\n".join(said) + "\n"
    return {name: text.replace(str(folder), PLACEHOLDER) for name, text in tree.items()}


def _read_tree(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes().decode("utf-8") for path in files}


@pytest.mark.parametrize("case", CASES)
def test_a_plan_that_was_read_back_compiles_to_the_same_files(case: str, tmp_path: Path) -> None:
    """A run is gone on with only where its files are what its own plan compiles to."""
    plan = _plan(_lay_out(case, tmp_path))
    record = tmp_path / "plan.json"
    record.write_text(record_text("plan", PLAN_RECORD_VERSION, plan_record(plan)), encoding="utf-8")
    assert _compile(read_plan(record)).files == _compile(plan).files


@pytest.mark.parametrize("case", CASES)
def test_compiles_to_the_expected_tree(case: str, tmp_path: Path) -> None:
    build = _compile(_plan(_lay_out(case, tmp_path)))
    tree = _tree(build, tmp_path)
    expected = HERE / case / "expected"
    if os.environ.get("LORA_GOLDEN") == "write":
        shutil.rmtree(expected, ignore_errors=True)
        for name, text in tree.items():
            path = expected / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8"))
    assert tree == _read_tree(expected)
    assert build.problems == ()
    for name in ("train.toml", "dataset.toml"):
        assert toml.loads(tree[name])
    assert str(HERE.parents[1]) not in "".join(tree.values())


@pytest.mark.parametrize("case", CASES)
def test_compiling_twice_gives_the_same(case: str, tmp_path: Path) -> None:
    recipe = _lay_out(case, tmp_path)
    assert _compile(_plan(recipe)) == _compile(_plan(recipe))


@pytest.mark.parametrize("case", CASES)
def test_layout_and_dataset_toml_carry_the_same_numbers(case: str, tmp_path: Path) -> None:
    """The folder's name read by the trainer's own rule: first part before `_` is the repeats, the rest the class."""
    build = _compile(_plan(_lay_out(case, tmp_path)))
    for dataset in toml.loads(build.files["dataset.toml"])["datasets"]:
        for subset in dataset["subsets"]:
            repeats, _, rest = Path(subset["image_dir"]).name.partition("_")
            assert int(repeats) == subset["num_repeats"]
            assert rest.startswith(subset["class_tokens"][:40])
            held = [link for link in build.links if link.path.startswith(subset["image_dir"] + "/")]
            assert held


def test_every_shipped_preset_has_a_tree() -> None:
    assert set(shipped_recipes()) <= set(CASES)
