"""A trainer of a few lines that looks like the real one from outside: its words, its files, its processes, and what goes wrong.

Started as if it were the interpreter: `fake_trainer.py -m accelerate.commands.launch ... --config_file train.toml`. It starts the
trainer proper as a child, and that a data worker in a session of its own. The environment's FAKE_FAULTS names a JSON file:
attempt number -> {"at": step, "do": what}. Nothing but the standard library, so that it starts in 20 ms.
"""

# ruff: noqa: T201, PTH103, PTH105, PTH110, PTH123, PTH202 - it prints for a living, and pathlib would cost its start-up
from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import re
import signal
import struct
import subprocess
import sys
import time
import zipfile
from typing import Any

OOM = (
    "Traceback (most recent call last):\n"
    '  File "train_network.py", line 1551, in <module>\n'
    "    trainer.train(args)\n"
    "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total capacity of 23.55 GiB of "
    "which 8.31 MiB is free. Including non-PyTorch memory, this process has 23.53 GiB memory in use.\n"
)
PASSING = (
    "Traceback (most recent call last):\n"
    '  File "train_network.py", line 1551, in <module>\n'
    "    trainer.train(args)\n"
    "RuntimeError: CUDA error: unspecified launch failure\n"
)
FULL = (
    "Traceback (most recent call last):\n"
    '  File "train_network.py", line 1551, in <module>\n'
    "    trainer.train(args)\n"
    "safetensors_rust.SafetensorError: Error while serializing: I/O error: No space left on device (os error 28)\n"
)
MISTAKE = (
    "Traceback (most recent call last):\n"
    '  File "train_network.py", line 1551, in <module>\n'
    "    trainer.train(args)\n"
    "ValueError: caption file not found\n"
)


def option(name: str, default: str) -> str:
    """Return the last value of an option of the command line."""
    places = [i for i, word in enumerate(sys.argv) if word == name]
    return sys.argv[places[-1] + 1] if places else default


def launcher() -> None:
    """Do as accelerate does: start the trainer, wait, repeat its exit code."""
    trainer = subprocess.Popen([sys.executable, "-S", "-E", "-u", __file__, "--as-trainer", *sys.argv[1:]])
    code = trainer.wait()
    if code:
        how = (
            f"died with <Signals.{signal.Signals(-code).name}: {-code}>."
            if code < 0
            else f"returned non-zero exit status {code}."
        )
        print(
            f"Traceback (most recent call last):\n  x\nsubprocess.CalledProcessError: Command '[...]' {how}", flush=True
        )
        sys.exit(1)


def trainer() -> None:
    """Train."""
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    output = option("--output_dir", "attempts/001/output")
    attempt = int(re.search(r"attempts/(\d+)/", output).group(1))  # type: ignore[union-attr]
    own = f"attempts/{attempt:03d}/plan.json"
    with open(own if os.path.exists(own) else "plan.json", encoding="utf-8") as file:
        plan = json.load(file)
    with open(os.environ["FAKE_FAULTS"], encoding="utf-8") as file:
        faults = json.load(file)
    fault = faults.get(str(attempt), {})
    worker = subprocess.Popen(
        [sys.executable, "-S", "-E", "-c", "import time; time.sleep(120)"],
        start_new_session=True,
        stdout=subprocess.DEVNULL,
    )
    with open("pids.part", "w", encoding="utf-8") as file:
        file.write(json.dumps({"launcher": os.getppid(), "trainer": os.getpid(), "worker": worker.pid}))
    os.replace("pids.part", "pids")
    train(output, plan, fault, faults.get("step_s", 0.002), int(option("--initial_step", "0")))
    worker.kill()
    worker.wait()
    if fault.get("do") == "segv-after-save":
        os.kill(os.getpid(), signal.SIGSEGV)


def train(output: str, plan: dict[str, Any], fault: dict[str, Any], step_s: float, first: int) -> None:
    """Take the steps after `first`, save at the ends of epochs, and write the final file."""
    per_epoch, epochs = plan["steps"]["steps_per_epoch"], plan["steps"]["epochs"]
    total, name = per_epoch * epochs, plan["output_name"]
    announced = total
    print("Loading settings from train.toml...")
    if fault.get("do") == "no-data":
        print("No data found. Please verify arguments (train_data_dir must be the parent of folders with images)")
        return
    print(f"running training / 学習開始\n  total optimization steps / 学習ステップ数: {announced}")
    bar(0, announced)
    if fault.get("do") == "short":
        total -= per_epoch
    for step in range(first + 1, total + 1):
        if fault.get("at") == step:
            go_wrong(fault["do"], fault.get("s", 120))
        time.sleep(step_s)
        bar(step - first, announced)
        if step % per_epoch == 0 and step < total:
            epoch = step // per_epoch
            print(f"\nsaving checkpoint: {output}/{name}-{epoch:06d}.safetensors")
            network(f"{output}/{name}-{epoch:06d}.safetensors", name, step - first, epoch)
            print(f"saving state at epoch {epoch}")
            state(f"{output}/{name}-{epoch:06d}-state", name, epoch, step)
    final(f"{output}/{name}.safetensors", name, total - first, epochs, fault.get("do", ""))


def bar(step: int, total: int) -> None:
    """Draw the progress bar."""
    sys.stderr.write(
        f"\rsteps: {100 * step // total:3d}%|###   | {step}/{total} [00:01<00:02,  9.00it/s, avr_loss=0.100]"
    )


def go_wrong(what: str, seconds: float) -> None:
    """End, or hang, as the fault says."""
    print()
    if what in ("oom", "passing", "mistake"):
        sys.stderr.write({"oom": OOM, "passing": PASSING, "mistake": MISTAKE}[what])
        sys.stderr.flush()
        sys.exit(1)
    number = {"kill": signal.SIGKILL, "stop": signal.SIGSTOP}.get(what)
    if number is not None:
        os.kill(os.getpid(), number)
    if what == "hang":
        time.sleep(seconds)


def final(path: str, name: str, step: int, epoch: int, fault: str) -> None:
    """Write the final file, or what a fault leaves of it."""
    print(f"\nsaving checkpoint: {path}")
    if fault == "torn-final":
        state(path.removesuffix(".safetensors") + "-state", name, epoch, step)
    if fault != "no-file":
        network(
            path,
            name,
            step,
            epoch,
            value={"nan": float("nan"), "zero-model": 0.0}.get(fault, 0.5),
            is_empty=fault == "zero-tensors",
        )
    if fault == "stale":
        os.utime(path, (time.time() - 1e6,) * 2)
    if fault == "torn-final":
        os.truncate(path, os.path.getsize(path) - 5)
        sys.stderr.write(FULL)
        sys.exit(1)
    print("model saved.")


def network(path: str, name: str, step: int, epoch: int, value: float = 0.5, *, is_empty: bool = False) -> None:
    """Write a network file of two tensors."""
    header = {} if is_empty else {
        "lora_unet_x.lora_down.weight": {"dtype": "F32", "shape": [2, 4], "data_offsets": [0, 32]},
        "lora_unet_x.lora_up.weight": {"dtype": "F32", "shape": [4, 2], "data_offsets": [32, 64]},
    }  # fmt: skip
    header["__metadata__"] = {"ss_output_name": name, "ss_steps": str(step), "ss_epoch": str(epoch)}
    text = json.dumps(header).encode()
    body = b"" if is_empty else struct.pack("<16f", *[value] * 16)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)


def state(folder: str, name: str, epoch: int, step: int) -> None:
    """Write a state as accelerate does, file after file."""
    os.makedirs(folder)
    with open(f"{folder}/train_state.json", "w", encoding="utf-8") as file:
        json.dump({"current_epoch": epoch, "current_step": step}, file)
    network(f"{folder}/model.safetensors", name, step, epoch)
    for one in ("optimizer.bin", "scheduler.bin", "random_states_0.pkl"):
        with zipfile.ZipFile(f"{folder}/{one}", "w") as archive:
            archive.writestr("archive/data.pkl", b"\x80\x02.")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--as-trainer"]:
        with contextlib.suppress(KeyboardInterrupt):
            trainer()
            sys.exit(0)
        sys.exit(130)
    launcher()
