"""Checkpoints and states: file names, what is written, what is removed again."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors.torch import save_file

from orchestrator.backends.pocket.trainer.logs import announce, logger
from orchestrator.backends.pocket.trainer.metadata import MINIMUM_KEYS, file_hashes, model_spec

if TYPE_CHECKING:
    import argparse

    from accelerate import Accelerator

    from orchestrator.backends.pocket.trainer.lora import LoraNetwork

PRECISIONS = {"float": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


class Saver:
    """Writes the checkpoints of one run under sd-scripts' names and keeps to its retention."""

    def __init__(
        self,
        args: argparse.Namespace,
        accelerator: Accelerator,
        network: LoraNetwork,
        size: tuple[int, int],
    ) -> None:
        self.args = args
        self.accelerator = accelerator
        self.network = network
        self.metadata: dict[str, str] = {}
        self.size = size
        self.folder = Path(args.output_dir)
        self.state = {"current_epoch": 0, "current_step": 0}

    def _epoch_name(self, epoch: int) -> str:
        return f"{self.args.output_name or 'epoch'}-{epoch:06d}"

    def _step_name(self, step: int) -> str:
        return f"{self.args.output_name or 'at'}-step{step:08d}"

    def _write(self, name: str, steps: int, epoch: int) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / f"{name}.safetensors"
        announce(f"\nsaving checkpoint: {path}")
        self.metadata |= {
            "ss_training_finished_at": str(time.time()), "ss_steps": str(steps), "ss_epoch": str(epoch),
        }  # fmt: skip
        dtype = PRECISIONS[self.args.save_precision or "float"]
        tensors = {key: value.detach().to(dtype).contiguous() for key, value in self.network.state_dict().items()}
        metadata = self.metadata
        if self.args.no_metadata:
            metadata = {key: value for key, value in metadata.items() if key in MINIMUM_KEYS}
        metadata = metadata | model_spec(self.args, self.size)
        save_file(tensors, path, metadata | file_hashes(tensors, metadata))

    def _remove(self, name: str) -> None:
        path = self.folder / f"{name}.safetensors"
        if path.exists():
            announce(f"removing old checkpoint: {path}")
            path.unlink()

    def _write_state(self, name: str, words: str) -> None:
        logger.info("")
        logger.info(words)
        folder = self.folder / f"{name}-state"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "train_state.json"
        logger.info(
            "save train state to %s at epoch %d step %d", path, self.state["current_epoch"], self.state["current_step"]
        )
        path.write_text(json.dumps(self.state), encoding="utf-8")
        self.accelerator.save_state(str(folder))

    def _remove_state(self, name: str) -> None:
        folder = self.folder / f"{name}-state"
        if folder.exists():
            logger.info("removing old state: %s", folder)
            shutil.rmtree(folder)

    def _outdated_step(self, step: int, keep: int | None) -> int | None:
        """The step whose file falls out of the last `keep` steps, if any."""
        if keep is None:
            return None
        old = step - keep - 1
        old -= old % self.args.save_every_n_steps
        return old if old > 0 else None

    def after_step(self, step: int, epoch: int) -> None:
        """Save if `save_every_n_steps` says so; `epoch` counts from 0 here, as in sd-scripts' step checkpoints."""
        args = self.args
        self.state = {"current_epoch": epoch + 1, "current_step": step}
        if args.save_every_n_steps is None or step % args.save_every_n_steps:
            return
        self._write(self._step_name(step), step, epoch)
        if args.save_state:
            self._write_state(self._step_name(step), f"saving state at step {step}")
            old_state = self._outdated_step(step, args.save_last_n_steps_state or args.save_last_n_steps)
            if old_state is not None:
                self._remove_state(self._step_name(old_state))
        old = self._outdated_step(step, args.save_last_n_steps)
        if old is not None:
            self._remove(self._step_name(old))

    def after_epoch(self, epoch: int, num_epochs: int, step: int) -> None:
        """Save if `save_every_n_epochs` says so; the last epoch is left to `at_end`. Epochs count from 1."""
        args = self.args
        every = args.save_every_n_epochs
        if every is None or epoch % every or epoch >= num_epochs:
            return
        self._write(self._epoch_name(epoch), step, epoch)
        if args.save_last_n_epochs is not None:
            self._remove(self._epoch_name(epoch - every * args.save_last_n_epochs))
        if args.save_state:
            self._write_state(self._epoch_name(epoch), f"saving state at epoch {epoch}")
            keep = args.save_last_n_epochs_state or args.save_last_n_epochs
            if keep is not None:
                self._remove_state(self._epoch_name(epoch - every * keep))

    def at_end(self, step: int, num_epochs: int) -> None:
        """The final state, where wanted, and the final file."""
        name = self.args.output_name or "last"
        if self.args.save_state or self.args.save_state_on_train_end:
            self._write_state(name, "saving last state.")
        self._write(name, step, num_epochs)
        logger.info("model saved.")


def load_state(accelerator: Accelerator, folder: str) -> int | None:
    """Restore weights, optimizer, schedule and random states; returns the step of its `train_state.json`, None without one."""
    logger.info("resume training from local state: %s", folder)
    path = Path(folder) / "train_state.json"
    step = None
    if path.is_file():
        content = json.loads(path.read_text(encoding="utf-8"))
        step = int(content["current_step"])
        logger.info("load train state from %s: %s", path, content)
    accelerator.load_state(folder)
    return step
