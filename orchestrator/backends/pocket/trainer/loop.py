"""The training loop: the order of things is sd-scripts' own, step for step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from tqdm.auto import tqdm

from orchestrator.backends.pocket.trainer.logs import announce
from orchestrator.backends.pocket.trainer.losses import LossRecorder

if TYPE_CHECKING:
    import argparse

    from accelerate import Accelerator

    from orchestrator.backends.pocket.trainer.dataset import Batch, PictureDataset
    from orchestrator.backends.pocket.trainer.lora import LoraNetwork
    from orchestrator.backends.pocket.trainer.model import PocketModel
    from orchestrator.backends.pocket.trainer.saving import Saver
    from orchestrator.backends.pocket.trainer.train_network import NetworkTrainer
    from orchestrator.backends.pocket.trainer.validation import Validator


@dataclass(slots=True)
class Run:
    """Everything the loop works with."""

    args: argparse.Namespace
    accelerator: Accelerator
    model: PocketModel
    network: LoraNetwork
    optimizer: torch.optim.Optimizer
    scheduler: Any
    lr_names: list[str]
    datasets: list[PictureDataset]
    loader: Any
    validator: Validator
    saver: Saver
    trains_text: bool
    first_epoch: int = 0
    global_step: int = 0

    @property
    def num_epochs(self) -> int:
        """Epochs that `max_train_steps` needs; the last one may be cut."""
        return math.ceil(self.args.max_train_steps / steps_per_epoch(self.args, len(self.loader)))

    def set_training(self, *, is_on: bool) -> None:
        """Dropout of the low-rank pairs on or off."""
        self.model.unet.train(is_on)
        self.model.text_encoder.train(is_on)


def steps_per_epoch(args: argparse.Namespace, batches: int) -> int:
    """Optimizer steps of one epoch: the last batches of an epoch step even when the accumulation is not full."""
    return math.ceil(batches / args.gradient_accumulation_steps)


def announce_length(args: argparse.Namespace, steps_each: int) -> None:
    """`max_train_epochs` wins over `max_train_steps`; the new number of steps is printed."""
    if args.max_train_epochs is not None:
        args.max_train_steps = args.max_train_epochs * steps_each
        announce(
            f"override steps. steps for {args.max_train_epochs} epochs is / "
            f"指定エポックまでのステップ数: {args.max_train_steps}"
        )


def announce_run(run: Run, validation_images: int) -> None:
    """The block of numbers before the first step."""
    args = run.args
    sizes = ", ".join(str(dataset.plan.batch_size) for dataset in run.datasets)
    announce("running training / 学習開始")
    announce(
        "  num train images * repeats / 学習画像の数×繰り返し回数: "
        f"{sum(dataset.num_train_images for dataset in run.datasets)}"
    )
    announce(f"  num validation images * repeats / 学習画像の数×繰り返し回数: {validation_images}")
    announce(f"  num reg images / 正則化画像の数: {sum(dataset.num_reg_images for dataset in run.datasets)}")
    announce(f"  num batches per epoch / 1epochのバッチ数: {len(run.loader)}")
    announce(f"  num epochs / epoch数: {run.num_epochs}")
    announce(f"  batch size per device / バッチサイズ: {sizes}")
    announce(f"  gradient accumulation steps / 勾配を合計するステップ数 = {args.gradient_accumulation_steps}")
    announce(f"  total optimization steps / 学習ステップ数: {args.max_train_steps}")


def rates(args: argparse.Namespace, scheduler: Any, names: list[str], optimizer: Any) -> dict[str, float]:
    """Learning rates under sd-scripts' tags, its duplicates included."""
    last = scheduler.get_last_lr()
    logs = {f"lr/{name}": float(rate) for name, rate in zip(names, last, strict=True)}
    groups = optimizer.param_groups
    if args.optimizer_type == "Prodigy":
        logs |= {f"lr/d*lr/{n}": g["d"] * g["lr"] for n, g in zip(names, groups, strict=True)}
    first = 0
    if not args.network_train_unet_only:
        logs["lr/textencoder"] = float(last[0])  # group 0 whatever it is, as in sd-scripts
        first = 1
    for index in range(first, len(last)):
        logs[f"lr/group{index}"] = float(last[index])
        if args.optimizer_type == "Prodigy":
            logs[f"lr/d*lr/group{index}"] = groups[index]["d"] * groups[index]["lr"]
    return logs


def _loss(run: Run, trainer: NetworkTrainer, batch: Batch, *, is_train: bool) -> torch.Tensor:
    model, dtype = run.model, torch.float32
    return trainer.process_batch(
        batch, [model.text_encoder], model.unet, run.network, model.vae, model.noise_scheduler, dtype, dtype,
        run.accelerator, run.args, model, model.tokenizer, is_train=is_train, train_text_encoder=run.trains_text,
        train_unet=not run.args.network_train_text_encoder_only,
    )  # fmt: skip


def _sample(run: Run, trainer: NetworkTrainer, epoch: int | None) -> bool:
    model, accelerator = run.model, run.accelerator
    return trainer.sample_images(
        accelerator, run.args, epoch, run.global_step, accelerator.device, model.vae, [model.tokenizer],
        model.text_encoder, model.unet,
    )  # fmt: skip


def _train_batch(run: Run, trainer: NetworkTrainer, batch: Batch) -> float:
    """One micro-step; returns its loss."""
    accelerator = run.accelerator
    with accelerator.accumulate(run.network):
        loss = _loss(run, trainer, batch, is_train=True)
        accelerator.backward(loss)
        if accelerator.sync_gradients and run.args.max_grad_norm:
            accelerator.clip_grad_norm_(run.network.get_trainable_params(), run.args.max_grad_norm)
        run.optimizer.step()
        run.scheduler.step()
        run.optimizer.zero_grad(set_to_none=True)
    return float(loss.detach())


def _train_epoch(run: Run, trainer: NetworkTrainer, epoch: int, recorder: LossRecorder, bar: tqdm[int]) -> None:
    """The batches of one epoch (from 0); stops at `max_train_steps`."""
    args, accelerator = run.args, run.accelerator
    for number, batch in enumerate(run.loader):
        loss = _train_batch(run, trainer, batch)
        if accelerator.sync_gradients:
            bar.update(1)
            run.global_step += 1
            if _sample(run, trainer, None):
                bar.unpause()
            run.saver.after_step(run.global_step, epoch)
        recorder.add(epoch=epoch, step=number, loss=loss)
        average = recorder.moving_average
        bar.set_postfix(avr_loss=average)
        logs = trainer.generate_step_logs(args, loss, average, run.scheduler, run.lr_names, run.optimizer)
        accelerator.log(logs, step=run.global_step)
        if accelerator.sync_gradients and run.validator.is_due_at_step(run.global_step):
            _validate(run, trainer, "step", epoch, recorder)
            bar.unpause()
        if run.global_step >= args.max_train_steps:
            break


def _validate(run: Run, trainer: NetworkTrainer, kind: str, epoch: int, recorder: LossRecorder) -> None:
    """Measure and log the held-out loss; per-epoch tags are logged under the epoch's number (from 1)."""
    average = run.validator.measure(kind, epoch, lambda batch: _loss(run, trainer, batch, is_train=False))
    logs = {
        f"loss/validation/{kind}_average": average,
        f"loss/validation/{kind}_divergence": average - recorder.moving_average,
    }
    run.accelerator.log(logs, step=run.global_step if kind == "step" else epoch + 1)


def train(run: Run, trainer: NetworkTrainer) -> None:
    """Train to the end and save the final file."""
    args, accelerator = run.args, run.accelerator
    num_epochs = run.num_epochs
    if args.save_n_epoch_ratio:
        args.save_every_n_epochs = num_epochs // args.save_n_epoch_ratio or 1
    _sample(run, trainer, 0)
    recorder = LossRecorder()
    bar = tqdm(range(args.max_train_steps), smoothing=0, desc="steps")
    for epoch in range(run.first_epoch, num_epochs):
        announce(f"\nepoch {epoch + 1}/{num_epochs}\n")
        for dataset in run.datasets:
            dataset.set_epoch(epoch + 1)
        run.set_training(is_on=True)
        _train_epoch(run, trainer, epoch, recorder, bar)
        if run.validator.is_due_at_epoch(epoch + 1):
            _validate(run, trainer, "epoch", epoch, recorder)
        accelerator.log({"loss/epoch_average": recorder.moving_average}, step=epoch + 1)
        run.saver.after_epoch(epoch + 1, num_epochs, run.global_step)
        if _sample(run, trainer, epoch + 1):
            bar.unpause()
    accelerator.end_training()
    run.saver.at_end(run.global_step, num_epochs)
    bar.close()
