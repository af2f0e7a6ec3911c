"""A run as the other rooms would hand it over: plan, data set, observations, findings."""

from __future__ import annotations

import json
import math
import random
from array import array
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.backends.protocol import Command, Trainer
from orchestrator.core.finding import (
    Change,
    Confidence,
    Evidence,
    Finding,
    Fix,
    Location,
    Severity,
    Status,
    Verdict,
)
from orchestrator.core.observation import Checkpoint, Missing, Observations, Sample, Series
from orchestrator.core.provenance import Source
from orchestrator.core.telemetry import Picture as Shown
from orchestrator.core.telemetry import Probe, SampleLosses, StepRecords, Telemetry
from orchestrator.core.text import Text, same
from orchestrator.dataset.model import Dataset, Folder, Picture
from orchestrator.diagnose.rule import Case
from orchestrator.plan.model import Link, Plan, Resolved, StepPlan, Subset
from orchestrator.report.model import ReportData
from orchestrator.run.records.model import Ending, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable

RECIPE = """\
# yaml-language-server: $schema=recipe.schema.json
recipe_version: 1
name: trophy
subject: {kind: object, trigger: zxqtrophy, class_tokens: trophy}
base_model: {family: pocket}
concepts:
  - image_dir: images
train:
  unet_lr: 1e-2  # a guess
  target_steps: 400
"""
NEXT = RECIPE.replace("1e-2  # a guess", "1e-3  # a guess; R009 lr-too-high")


def loss(count: int, seed: int = 3) -> Series:
    """A falling loss whose scatter is much larger than its fall, as in real training."""
    chance = random.Random(seed)
    values = [
        (0.12 + 0.08 * math.exp(-step / (count / 4))) * math.exp(chance.gauss(0, 0.8)) for step in range(1, count + 1)
    ]
    return Series("loss/current", array("q", range(1, count + 1)), array("d", values))


def rate(count: int, tag: str, peak: float) -> Series:
    warm = count // 10
    values = [
        peak * step / warm if step < warm else peak * 0.5 * (1 + math.cos(math.pi * (step - warm) / (count - warm)))
        for step in range(1, count + 1)
    ]
    return Series(tag, array("q", range(1, count + 1)), array("d", values))


def observations(count: int = 400) -> Observations:
    held = [0.171, 0.166, 0.163, 0.1617, 0.1622, 0.1641, 0.167, 0.171]
    per = count // 8
    series = {
        "loss/current": loss(count),
        "lr/unet": rate(count, "lr/unet", 1e-4),
        "lr/group1": rate(count, "lr/group1", 1e-4),
        "lr/textencoder": rate(count, "lr/textencoder", 5e-5),
        "loss/validation/epoch_average": Series(
            "loss/validation/epoch_average", array("q", range(1, 9)), array("d", held)
        ),
    }
    points = [
        Checkpoint(
            f"attempts/001/output/trophy-{n * 2:06d}.safetensors",
            n * 2 * per,
            n * 2,
            is_final=False,
            size_bytes=812_000,
            is_readable=True,
            key_count=192,
            up_count=64,
            norms={"unet": 0.0012 * n, "te": 0.0004 * n},
        )
        for n in range(1, 4)
    ]
    points.append(
        Checkpoint(
            "attempts/001/output/trophy.safetensors",
            count,
            8,
            is_final=True,
            size_bytes=812_000,
            is_readable=True,
            key_count=192,
            up_count=64,
            norms={"unet": 0.005, "te": 0.0017},
        )
    )
    samples = tuple(
        Sample(f"attempts/001/output/sample/s_{prompt}_{step}.png", step, step // per, prompt, 42, words)
        for prompt, words in enumerate(
            ["zxqtrophy, a golden trophy on a table", "a golden trophy in the snow, 雪地里的奖杯"]
        )
        for step in range(0, count + 1, 2 * per)
    )
    missing = (Missing("resources.jsonl", Text("GPU memory was not recorded.", "没有记录显存。")),)
    return Observations(
        series,
        facts={"total_steps": count, "last_step": count, "epochs": 8},
        checkpoints=tuple(points),
        samples=samples,
        missing=missing,
        damage=("logs/events.1: 312 bytes at 4096 skipped",),
    )


def plan(count: int = 400) -> Plan:
    def decided(value: object, source: Source, because: str) -> Resolved:
        return Resolved(value, source, same(because))

    subset = Subset(
        "data/20_zxqtrophy trophy", 20, "zxqtrophy trophy", ".txt", is_reg=False, sizes=((64, 64),) * 20, links=()
    )
    steps = StepPlan(
        ((64, 64, 300), (56, 72, 100)),
        50,
        count // 8,
        8,
        count,
        400,
        0,
        160.0,
        (
            same("20 pictures x 20 repeats = 400 samples"),
            same("400 / batch 8 = 50 steps per epoch"),
            same(f"50 x 8 epochs = {count}"),
        ),
    )
    train = {
        "unet_lr": decided(1e-2, Source.RECIPE, "written in the recipe"),
        "network_dim": decided(8, Source.PRESET, "object preset"),
        "max_train_epochs": decided(8, Source.DERIVED, "target 400 / 50 steps per epoch = 8"),
        "gradient_checkpointing": decided(value=False, source=Source.DERIVED, because="memory is enough"),
    }
    return Plan(
        "trophy",
        "trophy",
        "pocket",
        "object",
        "zxqtrophy",
        train,
        {"resolution": decided(64, Source.DERIVED, "pocket's size")},
        (subset,),
        replace(subset, image_dir="data/1_val", sizes=((64, 64),) * 2, num_repeats=1),
        7,
        steps,
        (),
        1,
        ("nan",),
        (Text("Hold-out of 2 pictures.", "留出 2 张图片。"),),
    )


def verdict() -> Verdict:
    where = Location("recipe.yaml", 9, 12, "  unet_lr: 1e-2  # a guess", 4)
    high = Finding(
        "R009",
        "lr-too-high",
        Status.FIRED,
        Severity.FIX,
        Confidence.HIGH,
        Text("The learning rate is ten times above what this rank carries.", "学习率比此秩可承受的高十倍。"),
        Text("The update overshoots and the picture falls apart.", "更新过冲，画面会崩坏。"),
        (Evidence(Text("lr x sqrt(alpha / rank)", "lr x sqrt(alpha / rank)"), 1e-2, 1e-3, "train.unet_lr"),),
        Fix(
            Text("Write unet_lr: 1e-3.", "把 unet_lr 写成 1e-3。"), (Change("train.unet_lr", 1e-3, 1e-2, is_safe=True),)
        ),
        where=where,
    )
    few = Finding(
        "R003",
        "missing-caption",
        Status.FIRED,
        Severity.WATCH,
        Confidence.MEDIUM,
        Text("3 of 20 pictures have no caption.", "20 张图片中有 3 张没有标注。"),
        evidence=(Evidence(same("captions"), 17, 20, "images", "pictures"),),
        fix=Fix(Text("Write captions for these pictures.", "为这些图片写标注。")),
    )
    kept = replace(few, rule="R004", name="missing-trigger", ignored_because="the trigger is in the folder name")
    clear = Finding(
        "R010",
        "nan-loss",
        Status.CLEAR,
        Severity.INFO,
        Confidence.HIGH,
        Text("All 400 losses are finite.", "400 个损失均有限。"),
    )
    unsure = Finding(
        "R012",
        "still-falling",
        Status.INCONCLUSIVE,
        Severity.INFO,
        Confidence.LOW,
        Text("Whether the loss still falls cannot be told.", "无法判断损失是否仍在下降。"),
        needs=Text("Held-out pictures.", "留出图片。"),
    )
    return Verdict((high, few, kept, clear, unsure))


def dataset() -> Dataset:
    pictures = tuple(
        Picture(
            Path(f"images/{n:02d}.png"),
            64,
            64,
            9000,
            "png",
            caption_path=Path(f"images/{n:02d}.txt") if n > 2 else None,
        )
        for n in range(20)
    )
    return Dataset((Folder(Path("images"), pictures, ".txt"),))


def draw_samples(root: Path, seen: Observations) -> None:
    from PIL import Image, ImageDraw

    for sample in seen.samples:
        path = root / sample.path
        path.parent.mkdir(parents=True, exist_ok=True)
        share = (sample.step or 0) / 400
        picture = Image.new("RGB", (64, 64), (int(60 + 90 * share), 110, 140 + 60 * sample.prompt_index))
        pen = ImageDraw.Draw(picture)
        pen.ellipse((14, 8, 50, 40), fill=(120 + int(130 * share), 90 + int(100 * share), 60))
        pen.rectangle((28, 38, 36, 54), fill=(150, 120, 40))
        pen.rectangle((20, 52, 44, 58), fill=(90, 70, 40))
        picture.save(path)


@pytest.fixture
def make_data(tmp_path: Path) -> Callable[..., ReportData]:
    """A report's data with the given number of steps and any field replaced."""

    def make(count: int = 400, **changes: object) -> ReportData:
        seen = observations(count)
        root = tmp_path / "trophy-001"
        draw_samples(root, seen)
        data = ReportData(
            name="trophy-001",
            created="2026-11-21T10:00:00+00:00",
            tool_version="0.1.0",
            headline=Text(
                "The learning rate is ten times above what this rank carries.", "学习率比此秩可承受的高十倍。"
            ),
            verdict=verdict(),
            case=Case(dataset=dataset(), plan=plan(count), observations=seen, family="pocket"),
            family="pocket",
            kind="object",
            outcome=Outcome(Ending.SUCCEEDED, 0, "ok", Text("The training finished.", "训练已完成。"), 83.4, 6.1),
            commands=(
                Command(
                    (
                        "/opt/venv/bin/python",
                        "-m",
                        "accelerate.commands.launch",
                        "train_network.py",
                        f"--config_file={root}/train.toml",
                    )
                ),
            ),
            trainer=Trainer(
                "sd-scripts",
                Path("/opt/venv/bin/python"),
                Path("/opt/sd-scripts"),
                "48d368fa557731ad0488c07304dfeba8c07910eb",
            ),
            versions={"Python": "3.11.7", "platform": "Linux x86_64", "torch": "2.13.0"},
            recipe_text=RECIPE,
            next_text=NEXT,
            next_changes=(Change("train.unet_lr", 1e-3, 1e-2, is_safe=True),),
            run_root=root,
        )
        return replace(data, **changes)  # type: ignore[arg-type]

    return make


FOLDER = "20_zxqtrophy trophy"
TIMES = (100.0, 300.0, 500.0, 700.0, 900.0)


def recorded(count: int = 400, seed: int = 5) -> Telemetry:
    """What the recorder would write of a run whose held-out pictures get worse after half the steps; picture 4 is an outlier."""
    chance = random.Random(seed)
    pictures = tuple(Shown(n, f"{FOLDER}/{n:02d}.png", "0badcafe", (64, 64), n >= 18) for n in range(20))
    steps, times, losses, shown = array("q"), array("d"), array("d"), array("q")
    for step in range(1, count + 1):
        picture, timestep = chance.randrange(18), chance.uniform(0, 1000)
        level = 0.4 * math.exp(-timestep / 250) + 0.02
        odd = 1.2 if picture == 4 else chance.gauss(0, 0.02)
        steps.append(step)
        times.append(timestep)
        losses.append(level * math.exp(odd - 0.2 * step / count + chance.gauss(0, 0.1)))
        shown.append(picture)
    probes = [_probe(0, 0.0, 0.0, is_on=False)]
    for number in range(1, 11):
        share = number / 10
        probes.append(_probe(count * number // 10, 0.2 * share, 0.1 * share - 0.2 * max(0.0, share - 0.5), is_on=True))
    probes.append(_probe(count, 0.0, 0.0, is_on=False))
    return Telemetry(
        "probe",
        "train_network",
        "epsilon",
        pictures=pictures,
        samples=SampleLosses(steps, times, losses, array("d", [1.0] * count), shown),
        steps=StepRecords(
            array("q", range(1, count + 1)), array("d", [0.4] * count), array("d", [0.0] * count),
            (array("d", [1e-4] * count),), (array("d", [1e-6 + 1e-8 * n for n in range(count)]),),
        ),
        probes=tuple(probes),
        hooks={"get_noise_pred_and_target": True},
        is_complete=True,
        log_seconds=0.5,
        probe_seconds=2.5,
    )  # fmt: skip


def _probe(step: int, train: float, held: float, *, is_on: bool) -> Probe:
    """`train`, `held`: by how much the log of the loss fell on pictures 0 and 1, 18 and 19."""
    shown = (0, 1, 18, 19)
    wobble = 0.002 * math.sin(step)
    rows = tuple(
        tuple(
            (0.3 + 0.05 * n)
            * math.exp(-t / 400 - (held if p >= 18 else train) * (1 - t / 2000) + (wobble if is_on else 0))
            for t in TIMES
        )
        for n, p in enumerate(shown)
    )
    when = "train" if is_on else "end" if step else "start"
    return Probe(step, is_on, when, TIMES, shown, rows, ((1.0,) * 5,) * 4, 0.2)


@pytest.fixture
def make_recorded(make_data: Callable[..., ReportData], tmp_path: Path) -> Callable[..., ReportData]:
    """The same run with telemetry, and with the files of its pictures."""
    from PIL import Image

    def make(count: int = 400, **changes: object) -> ReportData:
        data = make_data(count, **changes)
        assert data.case.plan is not None
        assert data.case.dataset is not None
        assert data.case.observations is not None
        (folder,) = data.case.dataset.folders
        files = []
        for n, picture in enumerate(folder.pictures):
            path = tmp_path / "images" / picture.path.name
            path.parent.mkdir(exist_ok=True)
            Image.new("RGB", (64, 48), (10 * n, 90, 120)).save(path)
            files.append(replace(picture, path=path, caption=f"zxqtrophy, view {n}"))
        links = tuple(Link(f"data/{FOLDER}/{file.path.name}", file.path) for file in files)
        plan = replace(data.case.plan, subsets=(replace(data.case.plan.subsets[0], links=links),))
        dataset = Dataset((replace(folder, pictures=tuple(files)),))
        seen = replace(data.case.observations, telemetry=recorded(count))
        return replace(data, case=replace(data.case, plan=plan, dataset=dataset, observations=seen, cache={}))

    return make


def put_everywhere(value: Any, payload: str) -> Any:  # noqa: PLR0911 (one return per kind of value)
    """Put `payload` into every text of a report's data."""
    if isinstance(value, (Enum, bool)) or value is None:
        return value
    if isinstance(value, str):
        return payload
    if isinstance(value, Path):
        return Path(payload.replace("\x00", "").replace("/", "_"))
    if is_dataclass(value) and not isinstance(value, type):
        kept = {"kind", "name"} if type(value).__name__ in {"ReportData", "Plan"} else set()
        kept |= {"run_root", "where"} if type(value).__name__ == "ReportData" else set()
        return replace(
            value,
            **{f.name: put_everywhere(getattr(value, f.name), payload) for f in fields(value) if f.name not in kept},
        )
    if isinstance(value, dict):
        is_tags = all(isinstance(item, Series) for item in value.values())
        return {
            key if is_tags or isinstance(key, int) else f"{payload}{n}": put_everywhere(item, payload)
            for n, (key, item) in enumerate(value.items())
        }
    if isinstance(value, tuple):
        return tuple(put_everywhere(item, payload) for item in value)
    return value


@pytest.fixture
def poison() -> Callable[[Any, str], Any]:
    """Puts a payload into every text of a report's data."""
    return put_everywhere


SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text(encoding="utf-8"))
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "null": (type(None),),
}  # fmt: skip
KNOWN = {
    "$schema",
    "$defs",
    "title",
    "description",
    "type",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "enum",
    "const",
    "anyOf",
    "$ref",
}


def faults(value: Any, schema: dict[str, Any], at: str = "$") -> list[str]:
    """Where `value` breaks the schema; knows the words that docs/report.schema.json uses and no others."""
    assert set(schema) <= KNOWN, set(schema) - KNOWN
    if "$ref" in schema:
        return faults(value, SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")], at)
    if "anyOf" in schema:
        options = [faults(value, option, at) for option in schema["anyOf"]]
        return [] if [] in options else min(options, key=len)
    kinds = schema.get("type", [])
    wanted = [kinds] if isinstance(kinds, str) else kinds
    is_number = isinstance(value, bool) and "boolean" not in wanted
    if wanted and (is_number or not isinstance(value, tuple(t for kind in wanted for t in TYPES[kind]))):
        return [f"{at}: {value!r} is no {kinds}"]
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        return [f"{at}: {value!r} is not allowed"]
    found = []
    if isinstance(value, dict):
        inside, rest = schema.get("properties", {}), schema.get("additionalProperties", True)
        found += [f"{at}: {key} is missing" for key in schema.get("required", []) if key not in value]
        for key, item in value.items():
            if key not in inside and rest is False:
                found.append(f"{at}: {key} is not described")
            found += faults(item, inside.get(key, rest if isinstance(rest, dict) else {}), f"{at}.{key}")
    if isinstance(value, list):
        found += [
            fault for n, item in enumerate(value) for fault in faults(item, schema.get("items", {}), f"{at}[{n}]")
        ]
    return found


@pytest.fixture
def schema_faults() -> Callable[[Any], list[str]]:
    """Where a report.json breaks docs/report.schema.json."""
    return lambda body: faults(body, SCHEMA)
