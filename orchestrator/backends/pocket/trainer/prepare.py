"""Build a run: datasets, base, low-rank network, optimizer, data loader, validation, resume."""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING, Any

import torch
from accelerate import Accelerator
from accelerate.utils import set_seed
from torch.utils.data import ConcatDataset, DataLoader
from tqdm.auto import tqdm

from orchestrator.backends.pocket.trainer.arguments import ConfigurationError
from orchestrator.backends.pocket.trainer.blueprint import read_dataset_config, read_folders
from orchestrator.backends.pocket.trainer.dataset import PictureDataset
from orchestrator.backends.pocket.trainer.dataset_text import describe
from orchestrator.backends.pocket.trainer.logs import announce, logger
from orchestrator.backends.pocket.trainer.loop import Run, announce_length, announce_run, steps_per_epoch
from orchestrator.backends.pocket.trainer.lora import load_weights, make_network, parameter_groups
from orchestrator.backends.pocket.trainer.metadata import training_metadata
from orchestrator.backends.pocket.trainer.model import PocketModel, base_folder, load_model
from orchestrator.backends.pocket.trainer.optim import make_optimizer, make_scheduler
from orchestrator.backends.pocket.trainer.pictures import load_pixels
from orchestrator.backends.pocket.trainer.saving import Saver, load_state
from orchestrator.backends.pocket.trainer.validation import Validator

if TYPE_CHECKING:
    import argparse

    from orchestrator.backends.pocket.trainer.dataset import Batch
    from orchestrator.backends.pocket.trainer.lora import LoraNetwork
    from orchestrator.backends.pocket.trainer.train_network import NetworkTrainer


def make_datasets(args: argparse.Namespace) -> tuple[list[PictureDataset], list[PictureDataset]]:
    """Training and validation datasets, their blocks and bucket tables printed."""
    if args.dataset_config:
        logger.info("Loading dataset config from %s", args.dataset_config)
        if args.train_data_dir or args.reg_data_dir:
            logger.warning(
                "ignoring the following options because config file is found: train_data_dir, reg_data_dir, in_json"
            )
        plans = read_dataset_config(args)
    else:
        logger.info("Using DreamBooth method.")
        plans = read_folders(args)
    weight = args.prior_loss_weight
    training = [PictureDataset(plan, is_training=True, prior_loss_weight=weight) for plan in plans]
    held_out = [plan for plan in plans if 0 < plan.validation_split <= 1]
    validation = [PictureDataset(plan, is_training=False, prior_loss_weight=weight) for plan in held_out]
    logger.info(describe(training, "Dataset"))
    if validation:
        logger.info(describe(validation, "Validation Dataset"))
    seed = random.randint(0, 2**31)  # noqa: S311  reproducible on purpose
    for title, datasets in (("dataset", training), ("validation dataset", validation)):
        for number, dataset in enumerate(datasets):
            logger.info("[Prepare %s %d]", title, number)
            dataset.make_buckets()
            dataset.seed = seed
    return training, validation


@torch.no_grad()
def cache_latents(model: PocketModel, datasets: list[PictureDataset]) -> None:
    """Encode every picture once; flipped too where its folder asks for it."""
    for number, dataset in enumerate(datasets):
        logger.info("[Dataset %d]", number)
        logger.info("caching latents with caching strategy.")
        logger.info("caching latents...")
        for picture in tqdm(dataset.pictures):
            pixels = load_pixels(picture).unsqueeze(0)
            picture.latents = model.encode(pixels)[0]
            if picture.subset.flip_aug:
                picture.latents_flipped = model.encode(pixels.flip(3))[0]


def _only(batches: list[Batch]) -> Batch:
    """A data loader item is a whole batch already."""
    return batches[0]


def make_loader(args: argparse.Namespace, datasets: list[PictureDataset], *, is_training: bool) -> DataLoader[Any]:
    """A loader over ready-made batches."""
    workers = min(args.max_data_loader_n_workers, os.cpu_count() or 1)
    return DataLoader(
        ConcatDataset(datasets), batch_size=1, shuffle=is_training, collate_fn=_only, num_workers=workers,
        persistent_workers=bool(args.persistent_data_loader_workers and workers),
    )  # fmt: skip


def make_accelerator(args: argparse.Namespace) -> Accelerator:
    """The accelerator on the CPU; TensorBoard goes to `<logging_dir>/<log_prefix><time>/`."""
    logger.info("preparing accelerator")
    folder = None
    if args.logging_dir is not None:
        folder = f"{args.logging_dir}/{args.log_prefix or ''}{time.strftime('%Y%m%d%H%M%S')}"
    accelerator = Accelerator(
        cpu=True, mixed_precision="no", gradient_accumulation_steps=args.gradient_accumulation_steps,
        log_with="tensorboard" if folder else None, project_dir=folder,
    )  # fmt: skip
    announce(f"accelerator device: {accelerator.device}")
    return accelerator


def _load_base(args: argparse.Namespace) -> PocketModel:
    logger.info("loading model for process 0/1")
    logger.info("load Diffusers pretrained models: %s", base_folder(args.pretrained_model_name_or_path))
    model = load_model(args.pretrained_model_name_or_path)
    logger.info("Enable SDPA for U-Net")
    return model


def _text_rate(args: argparse.Namespace) -> float | None:
    """Only the first text encoder rate counts: there is one text encoder."""
    return args.text_encoder_lr[0] if args.text_encoder_lr else None


def _resume(args: argparse.Namespace, accelerator: Accelerator, steps_each: int) -> int:
    """Load the state, if any; returns the epoch (from 0) to go on with. The step counter starts again at 0."""
    saved_step = load_state(accelerator, args.resume) if args.resume else None
    first_step = saved_step or 0
    if args.initial_step is not None:
        first_step = args.initial_step
    elif args.initial_epoch is not None:
        first_step = (args.initial_epoch - 1) * steps_each
    if saved_step is not None and (args.initial_step is not None or args.initial_epoch is not None):
        logger.warning("steps from the state is ignored because initial_step is specified")
    if first_step and first_step >= args.max_train_steps:
        raise ConfigurationError(
            f"max_train_steps should be greater than initial step: {args.max_train_steps} vs {first_step}"
        )
    return first_step // steps_each


def _make_network(args: argparse.Namespace, model: PocketModel) -> LoraNetwork:
    announce(f"import network module: {args.network_module}")
    network = make_network(
        model, args.network_dim, args.network_alpha, args.network_dropout,
        with_unet=not args.network_train_text_encoder_only, with_text=not args.network_train_unet_only,
    )  # fmt: skip
    if args.network_weights:
        load_weights(network, args.network_weights)
        announce(f"load network weights from {args.network_weights}: <All keys matched successfully>")
    return network


def _make_validator(args: argparse.Namespace, model: PocketModel, validation: list[PictureDataset]) -> Validator:
    has_pictures = any(len(dataset) for dataset in validation)
    loader = make_loader(args, validation, is_training=False) if has_pictures else None
    return Validator(args, model, loader)


def _group(datasets: list[PictureDataset]) -> ConcatDataset[Batch] | None:
    return ConcatDataset(datasets) if any(len(dataset) for dataset in datasets) else None


def prepare(args: argparse.Namespace, started_at: float, trainer: NetworkTrainer) -> Run | None:
    """Everything up to the first step; None when there is no picture to train on. The trainer hears of the datasets.

    Raises:
        ConfigurationError: what is configured cannot be trained.
    """
    base_folder(args.pretrained_model_name_or_path)
    set_seed(args.seed % 2**32)
    training, validation = make_datasets(args)
    if not any(len(dataset) for dataset in training):
        logger.error(
            "No data found. Please verify arguments (train_data_dir must be the parent of folders with images)"
        )
        return None
    trainer.assert_extra_args(args, _group(training), _group(validation))
    accelerator = make_accelerator(args)
    model = _load_base(args)
    if args.cache_latents:
        cache_latents(model, training)
        cache_latents(model, validation)
    network = _make_network(args, model)
    announce("prepare optimizer, data loader etc.")
    groups, names = parameter_groups(network, _text_rate(args), args.unet_lr, args.learning_rate)
    optimizer_text, optimizer = make_optimizer(args, groups)
    loader = make_loader(args, training, is_training=True)
    steps_each = steps_per_epoch(args, len(loader))
    announce_length(args, steps_each)
    scheduler = make_scheduler(args, optimizer)
    network, optimizer, loader, scheduler = accelerator.prepare(network, optimizer, loader, scheduler)
    trains_text = "textencoder" in names
    plan = training[0].plan
    run = Run(
        args=args, accelerator=accelerator, model=model, network=network, optimizer=optimizer, scheduler=scheduler,
        lr_names=names, datasets=training, loader=loader, trains_text=trains_text,
        validator=_make_validator(args, model, validation),
        saver=Saver(args, accelerator, network, (plan.width, plan.height)),
        first_epoch=_resume(args, accelerator, steps_each),
    )  # fmt: skip
    _open_run(run, sum(d.num_train_images for d in validation), optimizer_text, started_at)
    return run


def _open_run(run: Run, validation_images: int, optimizer_text: str, started_at: float) -> None:
    """Print the numbers, fill the metadata, open the tracker."""
    announce_run(run, validation_images)
    run.saver.metadata = training_metadata(
        run.args, run.datasets, run.model.folder,
        {
            "ss_training_started_at": started_at,
            "ss_num_train_images": sum(dataset.num_train_images for dataset in run.datasets),
            "ss_num_validation_images": validation_images,
            "ss_num_reg_images": sum(dataset.num_reg_images for dataset in run.datasets),
            "ss_num_batches_per_epoch": len(run.loader),
            "ss_num_epochs": run.num_epochs,
            "ss_optimizer": optimizer_text,
        },
    )  # fmt: skip
    run.accelerator.init_trackers(run.args.log_tracker_name or "network_train")
    logger.info("unet dtype: %s, device: %s", torch.float32, run.accelerator.device)
    logger.info("text_encoder [0] dtype: %s, device: %s", torch.float32, run.accelerator.device)
