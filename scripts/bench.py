"""Measure the tool against its peers, interleaved, in CPU seconds of the whole process tree.

usage: bench.py [startup] [check] [console] [scalars] [report] [first-step] [telemetry] [--runs N] [--dir DIR]
Default: all of them that can run here. `check`, `first-step` and `telemetry` compare with real sd-scripts where LORA_RIG names its rig (docs/rig.md).
Every figure is min / median / max; a ratio is of medians within one interleaved run.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import bench_first_step as first
import bench_telemetry as telemetry

BIN = Path(sys.executable).parent
RIG = Path(os.environ["LORA_RIG"]) if os.environ.get("LORA_RIG") else None
Figures = dict[str, list[float]]
STEPS = 1500
"""Of a run that is to show what recording costs: the promise holds from there on."""


def timed(
    argv: list[str], *, cwd: Path | None = None, environment: dict[str, str] | None = None
) -> tuple[float, float]:
    """Run a command and return (CPU seconds of its tree, wall seconds)."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(argv, cwd=cwd, env={**os.environ, **(environment or {})}, capture_output=True, check=False)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    # lora-run says 1 of a run with findings to fix; anything else that ends so has failed and was timed for nothing.
    if done.returncode not in ((0, 1) if argv[0].endswith("lora-run") else (0,)):
        sys.exit(f"{' '.join(argv)} ended with {done.returncode}: {done.stderr.decode()[-800:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall


def interleaved(commands: dict[str, list[str]], runs: int, environment: dict[str, str] | None = None) -> Figures:
    """Run the commands in turn, after one warm-up each; return CPU seconds by name."""
    figures: Figures = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, argv in commands.items():
            cpu, _ = timed(argv, environment=environment)
            if turn:
                figures[name].append(cpu)
    return figures


def show(title: str, figures: Figures, base: str | None = None, unit: str = "CPU s") -> None:
    """Print min / median / max of each, and the ratio to `base`."""
    print(f"\n## {title} ({unit}, load {os.getloadavg()[0]:.1f})")
    for name, values in figures.items():
        middle = statistics.median(values)
        ratio = f"  {middle / statistics.median(figures[base]):.3f} x {base}" if base and name != base else ""
        print(f"{name:38s} {min(values):8.3f} / {middle:8.3f} / {max(values):8.3f}{ratio}")


def bench_startup(runs: int, _folder: Path) -> None:
    """`--help` and `--version` against accelerate's."""
    own = str(BIN / "lora-run")
    commands = {
        "lora-run --help": [own, "--help"],
        "lora-run --version": [own, "--version"],
        "python -c pass": [sys.executable, "-c", "pass"],
    }
    if (BIN / "accelerate").exists():
        commands["accelerate --help"] = [str(BIN / "accelerate"), "--help"]
    show("start-up", interleaved(commands, runs), "accelerate --help" if "accelerate --help" in commands else None)


def draw_pictures(folder: Path, count: int) -> Path:
    """Draw 100 small pictures and write them `count` times with captions; the trainer reads headers, so copies will do."""
    from PIL import Image

    images = folder / f"pictures-{count}"
    if images.is_dir():
        return images
    images.mkdir(parents=True)
    rng = random.Random(11)
    encoded = []
    for index in range(min(count, 100)):
        size = (rng.choice((192, 224, 256)), rng.choice((192, 224, 256)))
        noise = Image.frombytes("RGB", (16, 16), rng.randbytes(16 * 16 * 3)).resize(size)
        path = images / f"seed.{'jpg' if index % 4 else 'png'}"
        noise.save(path)
        encoded.append((path.suffix, path.read_bytes()))
        path.unlink()
    for index in range(count):
        suffix, data = encoded[index % len(encoded)]
        (images / f"{index:05d}{suffix}").write_bytes(data)
        (images / f"{index:05d}.txt").write_text(f"zxq, girl, pose {index % 37}, background {index % 11}\n")
    return images


def write_recipe(folder: Path, images: Path, name: str) -> Path:
    """Write a recipe over the drawn pictures."""
    recipe = folder / f"{name}.yaml"
    recipe.write_text(
        f"recipe_version: 1\nextends: sd15-character\nname: {name}\nsubject: {{kind: character, trigger: zxq, class_tokens: girl}}\n"
        f"base_model: {{family: sd15, pretrained_model_name_or_path: author/base}}\nconcepts:\n  - image_dir: {images}\n"
    )
    return recipe


TRAINER_PREPARES = """
import argparse, logging, os, sys
sys.path.insert(0, sys.argv[1]); os.chdir(sys.argv[1]); sys.dont_write_bytecode = True
logging.disable(logging.CRITICAL)
from library import config_util, train_util
p = argparse.ArgumentParser()
train_util.add_dataset_arguments(p, True, True, True); train_util.add_training_arguments(p, False)
a = p.parse_args("--resolution 512,512 --enable_bucket --caption_extension .txt --train_batch_size 1 --output_dir x".split())
train_util.prepare_dataset_args(a, True)
g = config_util.BlueprintGenerator(config_util.ConfigSanitizer(True, True, True, True))
b = g.generate({"datasets": [{"subsets": [{"image_dir": sys.argv[2], "num_repeats": 1, "class_tokens": "zxq"}]}]}, a)
d, _ = config_util.generate_dataset_group_by_blueprint(b.dataset_group)
assert len(d) > 0
"""


def bench_check(runs: int, folder: Path) -> None:
    """`check` of 50, 1,000 and 10,000 pictures against what sd-scripts itself needs to look at them."""
    for count in (50, 1000, 10_000):
        images = draw_pictures(folder, count)
        recipe = write_recipe(folder, images, f"check{count}")
        commands = {f"lora-run check, {count} pictures": [str(BIN / "lora-run"), "check", str(recipe)]}
        if RIG:
            commands["sd-scripts import and data set stage"] = [
                str(RIG / "venv/bin/python"),
                "-c",
                TRAINER_PREPARES,
                str(RIG / "sd-scripts"),
                str(images),
            ]
        show("check", interleaved(commands, runs), "sd-scripts import and data set stage" if RIG else None)


def write_console(path: Path, mib: int) -> None:
    """Write a console capture of tqdm updates joined by carriage returns, in the trainer's shape."""
    rng, total = random.Random(3), mib * 11_000
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(
            f"running training / 学習開始\n  num batches per epoch / 1epochのバッチ数: 600\n  total optimization steps / 学習ステップ数: {total}\n"
        )
        step = 0
        while file.tell() < mib * 1_000_000:
            rows = []
            for _ in range(2000):
                step += 1
                percent = min(100, step * 100 // total)
                rows.append(
                    f"\rsteps: {percent:3d}%|{'█' * (percent // 10):10s}| {step}/{total} [10:00<20:00,  1.30s/it, avr_loss={0.09 + rng.random() / 50:.3g}]"
                )
            file.write("".join(rows))
        file.write("\nmodel saved.\n")


def bench_console(runs: int, folder: Path) -> None:
    """A 100 MB console log."""
    path = folder / "console.log"
    if not path.exists():
        write_console(path, 100)
    code = "import sys; from pathlib import Path; from orchestrator.observe.console_file import read_console; read_console(Path(sys.argv[1]))"
    show(
        "100 MB console log",
        interleaved(
            {
                "lora-run's parser": [sys.executable, "-c", code, str(path)],
                "read and decode only": [
                    sys.executable,
                    "-c",
                    "import sys; open(sys.argv[1],'rb').read().decode()",
                    str(path),
                ],
            },
            runs,
        ),
    )


def write_events(path: Path, count: int) -> None:
    """Write an event file of scalars as torch's SummaryWriter does: one record per scalar, five tags a step."""
    from tensorboard.summary.writer.record_writer import RecordWriter

    rng, written, step = random.Random(3), 0, 0
    tags = [b"loss/current", b"loss/average", b"lr/textencoder", b"lr/unet", b"norm/avg_key_norm"]
    with path.open("wb") as file:
        writer = RecordWriter(file)
        writer.write(b"\t" + struct.pack("<d", 1.76e9) + b"\x1a\rbrain.Event:2")
        while written < count:
            step += 1
            number, left = bytearray(), step
            while left > 127:
                number.append(left & 127 | 128)
                left >>= 7
            number.append(left)
            head = b"\t" + struct.pack("<d", 1.76e9 + step) + b"\x10" + bytes(number) + b"*"
            for tag in tags:
                value = b"\n" + bytes([len(tag)]) + tag + b"\x15" + struct.pack("<f", 0.1 + rng.gauss(0, 0.02))
                summary = b"\n" + bytes([len(value)]) + value
                writer.write(head + bytes([len(summary)]) + summary)
                written += 1


def event_folder(folder: Path) -> Path:
    """Return a folder with 1,000,000 scalars."""
    logs = folder / "events" / "20260101120000" / "network_train"
    logs.mkdir(parents=True, exist_ok=True)
    path = logs / "events.out.tfevents.1760000000.bench.1.0"
    if not path.exists():
        write_events(path, 1_000_000)
    return path


def bench_scalars(runs: int, folder: Path) -> None:
    """1,000,000 scalars against TensorBoard's EventAccumulator with sampling off."""
    path = event_folder(folder)
    own = "import sys; from pathlib import Path; from orchestrator.observe.scalars import read_scalars; read_scalars([Path(sys.argv[1])], str)"
    peer = "import sys; from tensorboard.backend.event_processing.event_accumulator import EventAccumulator as E; e = E(sys.argv[1], size_guidance={'scalars': 0}); e.Reload(); [e.Scalars(t) for t in e.Tags()['scalars']]"
    figures = interleaved(
        {
            "lora-run's reader": [sys.executable, "-c", own, str(path)],
            "EventAccumulator": [sys.executable, "-c", peer, str(path)],
        },
        max(1, runs // 2),
    )
    show("1,000,000 scalars", figures, "EventAccumulator")


def bench_report(runs: int, folder: Path) -> None:
    """`diagnose` of a folder with 1,000,000 scalars, report included."""
    event_folder(folder)
    command = [str(BIN / "lora-run"), "diagnose", str(folder / "events"), "-o", str(folder / "report")]
    show("diagnose and report, 1,000,000 scalars", interleaved({"lora-run diagnose": command}, runs))


def bench_first_step(runs: int, folder: Path) -> None:
    """Time until the trainer is started, by the tool's own clock; with a rig, the first step against the bare command."""
    recipes = {"pocket quickstart": first.quickstart(folder)}
    if RIG:
        recipes["sd15 on sd-scripts"] = first.real_recipe(folder, RIG)
    cpu, wall = first.until_start(recipes, 3 * runs, folder)
    show("until the trainer is started", cpu)
    show("until the trainer is started", wall, unit="wall s")
    if not RIG:
        print("\n## first step: skipped, LORA_RIG is not set")
        return
    show("real sd-scripts, small U-Net", first.real_runs(recipes["sd15 on sd-scripts"], runs, folder), unit="s")


def bench_telemetry(runs: int, folder: Path) -> None:
    """What the recorder costs, on 1,500 steps at batch 2 of the small U-Net: three trainings of a few minutes a run."""
    if not RIG:
        print("\n## telemetry: skipped, LORA_RIG is not set")
        return
    recipe = first.real_recipe(folder, RIG)
    for measure, figures in telemetry.costs(recipe, runs, STEPS, folder, first.on_rig(folder)).items():
        show(f"recording on real sd-scripts, small U-Net: {measure}", figures, "off", unit="")


BENCHES = {
    "startup": bench_startup,
    "check": bench_check,
    "console": bench_console,
    "scalars": bench_scalars,
    "report": bench_report,
    "first-step": bench_first_step,
    "telemetry": bench_telemetry,
}


def main() -> None:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *BENCHES], default=[])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--dir", type=Path, default=Path(tempfile.gettempdir()) / "lora-run-bench")
    asked = parser.parse_args()
    asked.dir.mkdir(parents=True, exist_ok=True)
    for name in asked.names or BENCHES:
        BENCHES[name](asked.runs, asked.dir)


if __name__ == "__main__":
    main()
