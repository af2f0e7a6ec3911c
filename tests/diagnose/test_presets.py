"""Rules before the run over what is shipped, and over folders as they lie on disk."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from orchestrator.core.finding import Severity, Verdict
from orchestrator.dataset.scan import FolderRequest, scan_dataset
from orchestrator.diagnose.engine import judge
from orchestrator.diagnose.rule import Case
from orchestrator.plan.resolve import make_plan
from orchestrator.recipe.load import load_recipe
from tests.diagnose.cases import recipe

RECIPES = Path(__file__).parent.parent.parent / "recipes"
PRESETS = sorted(path.stem for path in RECIPES.glob("*.yaml") if path.stem != "quickstart")

VARIED = ("smile, outdoors", "sitting, indoors", "from behind, forest", "profile, night sky", "open mouth, beach")


def _pictures(folder: Path, count: int = 24) -> Path:
    folder.mkdir()
    for index in range(count):
        Image.new("RGB", (832, 1216 if index % 2 else 832), (index, 0, 0)).save(folder / f"{index:02}.png")
        (folder / f"{index:02}.txt").write_text(f"sksalice, {VARIED[index % len(VARIED)]}", encoding="utf-8")
    return folder


def _judge(preset: str, folder: Path) -> Verdict:
    family = "sd3" if preset.startswith("sd35") else preset.split("-", 1)[0]
    files = {"flux": ("clip_l", "t5xxl", "ae"), "sd3": ("clip_l", "clip_g", "t5xxl")}.get(family, ())
    text = "\n".join(
        [
            "recipe_version: 1",
            f"extends: {RECIPES / preset}.yaml",
            "name: alice",
            "subject: {trigger: sksalice, class_tokens: girl}",
            f"concepts: [{{image_dir: {folder}}}]",
            "base_model:",
            *(f"  {key}: {key}.safetensors" for key in ("pretrained_model_name_or_path", *files)),
        ]
    )
    loaded = load_recipe(folder.parent / "recipe.yaml", text=text)
    dataset = scan_dataset([FolderRequest(folder)])
    plan = make_plan(loaded, dataset)
    return judge(Case(recipe=loaded.recipe, dataset=dataset, plan=plan, family=plan.family), "before", reraise=True)


@pytest.mark.parametrize("preset", PRESETS)
def test_a_shipped_preset_with_a_sound_set_fires_nothing_above_info(preset: str, tmp_path: Path) -> None:
    fired = {finding.name: finding.severity for finding in _judge(preset, _pictures(tmp_path / "set")).fired}
    assert set(fired.values()) <= {Severity.INFO}, fired


def test_the_shipped_first_run_fires_nothing_above_info() -> None:
    loaded = load_recipe(RECIPES / "quickstart.yaml")
    read = scan_dataset([FolderRequest(RECIPES / "quickstart" / "images")])
    plan = make_plan(loaded, read)
    case = Case(recipe=loaded.recipe, dataset=read, plan=plan, family=plan.family)
    fired = {finding.name: finding.severity for finding in judge(case, "before", reraise=True).fired}
    assert set(fired.values()) <= {Severity.INFO}, fired


def _least_pictures(preset: str) -> int:
    """Return the number of pictures that the preset's own header names as its limit."""
    found = re.search(r"Limits: (\d+)", (RECIPES / f"{preset}.yaml").read_text(encoding="utf-8"))
    assert found is not None, f"{preset} names no number of pictures"
    return int(found[1])


@pytest.mark.parametrize("preset", PRESETS)
def test_a_preset_with_the_fewest_pictures_it_names_is_not_called_short(preset: str, tmp_path: Path) -> None:
    fired = {finding.name for finding in _judge(preset, _pictures(tmp_path / "set", _least_pictures(preset))).fired}
    assert not fired & {"too-few-steps", "too-many-steps", "few-pictures"}


def test_every_fault_of_a_folder_is_told_at_once(tmp_path: Path) -> None:
    folder = _pictures(tmp_path / "set")
    (folder / "00.png").write_bytes(b"")
    (folder / "01.txt").unlink()
    (folder / "02.txt").write_bytes(b"")
    (folder / "03.txt").write_bytes("sksalice, café".encode("latin-1"))
    (folder / "04.txt").write_bytes("\ufeffsksalice".encode())
    (folder / "05.txt").write_text("sksalice\nsecond line", encoding="utf-8")
    (folder / "06.txt").write_text("smile", encoding="utf-8")
    (folder / "07.gif").write_bytes(b"GIF89a")
    (folder / "old.txt").write_text("sksalice", encoding="utf-8")
    Image.new("RGB", (64, 64)).save(folder / "08.jpg")
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.new("RGB", (64, 64)).save(folder / "phone.jpg", exif=turned)
    (folder / "phone.txt").write_text("sksalice", encoding="utf-8")
    _pictures(folder / "more", 2)
    # Without a plan: the planner refuses such a folder, the rules are what tells everything about it.
    own = recipe(subject={"kind": "character", "trigger": "sksalice"})
    case = Case(recipe=own, dataset=scan_dataset([FolderRequest(folder)]), family="sd15")
    fired = {finding.name: finding.severity.value for finding in judge(case, "before", reraise=True).fired}
    expected = {
        "unreadable-image": "stop",
        "missing-caption": "fix",
        "empty-caption": "stop",
        "caption-not-utf8": "stop",
        "caption-bom": "watch",
        "caption-multiline": "watch",
        "missing-trigger": "watch",
        "ignored-pictures": "watch",
        "orphan-captions": "watch",
        "shared-stem": "fix",
        "exif-rotation": "fix",
        "nested-pictures": "watch",
    }
    assert expected.items() <= fired.items()
