from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors.numpy import save_file

from orchestrator.core.errors import InputError
from orchestrator.core.rundir import RunDir
from orchestrator.observe.console import ConsoleParser
from orchestrator.observe.console_file import read_console
from orchestrator.observe.gather import CONSOLE_LOSS
from orchestrator.observe.read import read_foreign, read_prompts, read_run
from tests.observe.event_writer import run, scalar

LOGS = Path(__file__).parents[1] / "logs"
RUNS = sorted(path.name for path in LOGS.iterdir() if path.is_dir())
WIDE = LOGS / "wide-console"


def network(path: Path, started: float | None = None, **metadata: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    texts = {f"ss_{k}": v for k, v in metadata.items()} | (
        {} if started is None else {"ss_training_started_at": str(started)}
    )
    save_file({"lora_unet_a.lora_up.weight": np.ones((2, 1), np.float32)}, path, texts)
    return path


def log_folder(path: Path, steps: int = 20, age_s: float = 0.0) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    file = path / "events.out.tfevents.1700000000.host.1.0"
    file.write_bytes(b"".join(run(steps)))
    os.utime(file, (1_700_000_000 - age_s, 1_700_000_000 - age_s))
    return file


def our_run(root: Path) -> RunDir:
    paths = RunDir(root)
    paths.output.mkdir(parents=True)
    shutil.copytree(WIDE / "logs", paths.logs)
    shutil.copy(WIDE / "console.log", paths.console_log)
    for epoch in (1, 2, 3):
        network(
            paths.output / f"glyph-{epoch:06d}.safetensors", steps=f"{9 * epoch}", epoch=f"{epoch}", output_name="glyph"
        )
    network(paths.output / "glyph.safetensors", steps="36", epoch="4", output_name="glyph")
    (paths.output / "glyph-state").mkdir()
    network(paths.output / "glyph-state" / "model.safetensors")
    (paths.output / "sample").mkdir()
    for name in ("glyph_e000000_00_20261121022245_1.png", "glyph_e000004_01_20261121022250_2.png"):
        Image.new("RGB", (16, 16)).save(paths.output / "sample" / name)
    (paths.output / "sample" / "notes.txt").write_bytes(b"")
    paths.sample_prompts.write_text("# two of them\n\nglyph man, red --w 64 --d 1\nglyph man, blue\n", encoding="utf-8")
    return paths


def test_our_own_run_is_read_whole(tmp_path: Path) -> None:
    our_run(tmp_path / "chara-001")
    seen = read_run(tmp_path / "chara-001")
    assert len(seen.series["loss/current"]) == 36
    assert seen.series["loss/current"].source.startswith("attempts/001/logs/")
    assert seen.facts["total_steps"] == seen.facts["last_step"] == 36
    assert (seen.facts["batches_per_epoch"], seen.facts["steps_per_epoch"], seen.facts["epochs"]) == (9, 9, 4)
    assert [c.step for c in seen.checkpoints] == [9, 18, 27, 36]
    assert seen.checkpoints[-1].path == "attempts/001/output/glyph.safetensors"
    assert [(s.step, s.prompt) for s in seen.samples] == [(0, "glyph man, red"), (36, "glyph man, blue")]
    assert seen.events[-1].kind == "model-saved"
    assert [m.what for m in seen.missing] == ["telemetry"]
    assert seen.damage == ()


def test_the_newest_attempt_counts(tmp_path: Path) -> None:
    first = our_run(tmp_path)
    shutil.copytree(first.attempt_dir, tmp_path / "attempts" / "002")
    seen = read_run(tmp_path)
    assert seen.facts["attempts"] == 2
    assert seen.checkpoints[0].path.startswith("attempts/002/")


def test_a_run_that_left_nothing_is_a_list_of_what_is_missing(tmp_path: Path) -> None:
    seen = read_run(tmp_path)
    assert [m.what for m in seen.missing] == ["event-files", "console-log", "checkpoints", "samples", "telemetry"]
    assert (seen.series, seen.events, seen.facts) == ({}, (), {})
    assert all(m.why.en and m.why.zh for m in seen.missing)


def test_without_an_event_file_the_bar_is_a_series(tmp_path: Path) -> None:
    paths = our_run(tmp_path)
    shutil.rmtree(paths.logs)
    seen = read_run(tmp_path)
    assert list(seen.series) == [CONSOLE_LOSS]
    assert len(seen.series[CONSOLE_LOSS]) == 36
    assert [m.what for m in seen.missing] == ["event-files", "telemetry"]


def test_damage_is_read_around_and_said(tmp_path: Path) -> None:
    paths = our_run(tmp_path)
    event_file = next(paths.logs.rglob("*tfevents*"))
    data = event_file.read_bytes()
    event_file.write_bytes(data[:3000] + b"\0" * 500 + data[3500:])
    seen = read_run(tmp_path)
    assert len(seen.series["loss/current"]) >= 33
    (note,) = seen.damage
    assert note.startswith("attempts/001/logs/")
    assert "bytes unread" in note


def test_prompt_files_are_counted_as_the_trainer_counts(tmp_path: Path) -> None:
    path = tmp_path / "p.txt"
    path.write_bytes("\ufeff# comment\n a cat --n dog \n\n # no comment\n初音ミク\n".encode())
    assert read_prompts(path) == ("a cat", "# no comment", "初音ミク")
    assert read_prompts(tmp_path / "none.txt") == ()


@pytest.mark.parametrize("name", RUNS)
def test_real_folders_give_series_settings_and_family(name: str) -> None:
    seen, settings, family = read_foreign(LOGS / name)
    loss = seen.series["loss/current"]
    assert list(loss.steps) == list(range(1, int(seen.facts["total_steps"]) + 1))
    assert family == "sd15"
    assert settings["learning_rate"] > 0
    assert settings["network_module"] == "networks.lora"
    truth = LOGS / name / "truth.json"
    assert not truth.exists() or json.loads(truth.read_text())["steps"] == len(loss)
    assert {m.what for m in seen.missing} <= {"checkpoints", "samples", "telemetry"}


def test_console_and_events_of_a_real_run_agree() -> None:
    seen, _, _ = read_foreign(LOGS / "healthy")
    bar = read_console(LOGS / "healthy" / "console.log").progress
    average = seen.series["loss/average"]
    assert bar.steps == average.steps
    assert all(abs(a - b) <= 0.006 * abs(b) for a, b in zip(bar.avr_loss, average.values, strict=True))


def test_live_and_recorded_reading_agree() -> None:
    path = WIDE / "console.log"
    parser = ConsoleParser()
    lines = path.read_bytes().decode().replace("\r\n", "\n").replace("\r", "\n").split("\n")
    live = [event for event in map(parser.feed, lines) if event is not None and event.kind != "progress"]
    assert live == list(read_console(path).events)


def test_a_gui_layout_of_log_and_model_folders(tmp_path: Path) -> None:
    shutil.copytree(LOGS / "untouched" / "logs", tmp_path / "log" / "20261121010000" / "network_train")
    (tmp_path / "model" / "sample").mkdir(parents=True)
    shutil.copy(LOGS / "untouched" / "model" / "lora.safetensors", tmp_path / "model")
    form = {"LoRA_type": "Standard", "output_name": "lora", "learning_rate": "1e-6", "epoch": "5", "unet_lr": "1e-6"}
    (tmp_path / "model" / "lora_20261121-010000.json").write_text(json.dumps(form))
    (tmp_path / "model" / "other.json").write_text(json.dumps({**form, "output_name": "other", "learning_rate": "1"}))
    (tmp_path / "img" / "10_doll").mkdir(parents=True)
    (tmp_path / "img" / "10_doll" / "a.txt").write_text("steps:   5%| | running training")
    seen, settings, family = read_foreign(tmp_path)
    assert len(seen.series["loss/current"]) == 400
    assert [c.path for c in seen.checkpoints] == ["model/lora.safetensors"]
    assert settings["unet_lr"] == 1e-6
    assert settings["max_train_epochs"] == 5
    assert seen.facts["settings_file"] == "model/lora_20261121-010000.json"
    assert family == "sd15"
    assert [m.what for m in seen.missing] == ["console-log", "samples", "telemetry"]


def test_of_several_runs_the_newest_is_read_and_the_others_named(tmp_path: Path) -> None:
    for name, steps, age in (
        ("20260101120000", 10, 900.0),
        ("20260102120000", 20, 0.0),
        ("20251231120000", 30, 99_000.0),
    ):
        file = log_folder(tmp_path / name / "network_train", steps, age)
        data = b"".join(run(steps))
        file.write_bytes(data)
        os.utime(file, (1_700_000_000 - age, 1_700_000_000 - age))
    seen, _, _ = read_foreign(tmp_path)
    assert len(seen.series["loss/current"]) == 20
    (other,) = [m for m in seen.missing if m.what == "other-runs"]
    assert "20260101120000/network_train" in other.why.en
    assert "20251231120000/network_train" in other.why.zh


def test_the_log_of_the_same_run_is_preferred_to_the_newest(tmp_path: Path) -> None:
    log_folder(tmp_path / "log" / "a" / "network_train", 20, age_s=500.0)
    late = tmp_path / "log" / "b" / "network_train"
    late.mkdir(parents=True)
    frames = b"".join(run(7))
    (late / "events.out.tfevents.1800000000.host").write_bytes(scalar("loss/current", 1, 1.0, 1.8e9) + frames)
    network(tmp_path / "model" / "doll.safetensors", started=1000.0, output_name="doll")
    seen, _, _ = read_foreign(tmp_path)
    assert len(seen.series["loss/current"]) == 20
    assert "one-run" not in [m.what for m in seen.missing]


def test_a_log_of_another_run_is_said_to_be_one(tmp_path: Path) -> None:
    log_folder(tmp_path / "log", 20)
    network(tmp_path / "doll.safetensors", started=5_000_000.0, output_name="doll")
    seen, _, _ = read_foreign(tmp_path)
    assert "one-run" in [m.what for m in seen.missing]


def test_a_console_of_another_run_is_not_used(tmp_path: Path) -> None:
    shutil.copy(LOGS / "healthy" / "console.log", tmp_path / "console.log")
    network(tmp_path / "doll.safetensors", output_name="doll", max_train_steps="999")
    seen, _, _ = read_foreign(tmp_path)
    assert seen.events == ()
    assert seen.facts["total_steps"] == 999
    assert {"one-run", "console-log"} <= {m.what for m in seen.missing}


@pytest.mark.parametrize("which", ["event", "network", "console"])
def test_one_file_is_enough(tmp_path: Path, which: str) -> None:
    files = {
        "event": next((LOGS / "untouched" / "logs").iterdir()),
        "network": LOGS / "untouched" / "model" / "lora.safetensors",
        "console": LOGS / "untouched" / "console.log",
    }
    path = Path(shutil.copy(files[which], tmp_path))
    seen, settings, _ = read_foreign(path)
    assert bool(seen.series) == (which != "network")
    assert bool(seen.checkpoints) == (which == "network")
    assert bool(seen.events) == (which == "console")
    assert bool(settings) == (which == "network")
    assert ("settings" in [m.what for m in seen.missing]) == (which != "network")


def test_a_named_network_is_read_and_not_the_newer_one_beside_it(tmp_path: Path) -> None:
    old = network(tmp_path / "old.safetensors", output_name="old", steps="5")
    network(tmp_path / "new.safetensors", output_name="new", steps="7")
    os.utime(old, (1, 1))
    assert [c.step for c in read_foreign(old)[0].checkpoints] == [5]
    assert [c.step for c in read_foreign(tmp_path)[0].checkpoints] == [7]


def test_base_models_and_states_are_no_networks(tmp_path: Path) -> None:
    save_file({"model.diffusion_model.x.weight": np.ones((2, 2), np.float32)}, tmp_path / "base.safetensors")
    network(tmp_path / "doll-state" / "model.safetensors")
    network(tmp_path / "doll.safetensors", output_name="doll")
    assert [c.path for c in read_foreign(tmp_path)[0].checkpoints] == ["doll.safetensors"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    network(outside / "doll.safetensors")
    inside = tmp_path / "inside"
    log_folder(inside / "log")
    (inside / "link").symlink_to(outside)
    (inside / "doll.safetensors").symlink_to(outside / "doll.safetensors")
    (inside / "loop").symlink_to(inside)
    assert read_foreign(inside)[0].checkpoints == ()


def test_nothing_and_nowhere_are_clear_errors(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(InputError, match="holds no training run"):
        read_foreign(tmp_path)
    with pytest.raises(InputError, match="does not exist"):
        read_foreign(tmp_path / "none")


@pytest.mark.parametrize("name", ["recipe.yaml", "caption.txt", "picture.png", "base.safetensors", "other.toml"])
def test_a_file_of_no_run_does_not_stand_for_the_run_beside_it(tmp_path: Path, name: str) -> None:
    network(tmp_path / "doll.safetensors", output_name="doll")
    shutil.copy(LOGS / "healthy" / "console.log", tmp_path / "console.log")
    save_file({"model.diffusion_model.x.weight": np.ones((2, 2), np.float32)}, tmp_path / "base.safetensors")
    if name != "base.safetensors":
        (tmp_path / name).write_text("name: alice\n", encoding="utf-8")
    with pytest.raises(InputError, match="belongs to no training run") as refused:
        read_foreign(tmp_path / name)
    (problem,) = refused.value.problems
    assert problem.why is not None
    assert problem.fix is not None
    assert f"`lora-run diagnose {tmp_path}`" in problem.fix.en


def test_a_log_of_a_trainer_that_said_next_to_nothing_may_be_named(tmp_path: Path) -> None:
    (tmp_path / "console.log").write_text("Traceback (most recent call last):\nImportError: no\n", encoding="utf-8")
    assert read_foreign(tmp_path / "console.log")[0].events


@pytest.mark.parametrize("where", ["runs", "."])
def test_a_folder_of_our_runs_asks_which_one(tmp_path: Path, where: str) -> None:
    for name in ("doll-001", "doll-002"):
        run = tmp_path / "runs" / name
        network(run / "attempts" / "001" / "output" / "doll.safetensors", output_name="doll")
        (run / "run.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"doll-001, .*doll-002") as refused:
        read_foreign(tmp_path / where)
    (problem,) = refused.value.problems
    assert problem.fix is not None
    assert f"`lora-run diagnose {tmp_path / 'runs' / 'doll-002'}`" in problem.fix.en


def test_the_readers_import_no_numpy_until_they_read() -> None:
    code = "import sys, orchestrator.observe.read, orchestrator.observe.console; print([m for m in ('numpy', 'torch', 'tensorboard', 'safetensors', 'toml') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
