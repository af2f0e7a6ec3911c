"""Entry of the pocket trainer: `accelerate launch train_network.py --config_file train.toml`.

Works as a file and as `-m orchestrator.backends.pocket.trainer.train_network`. The trainer class has the methods that
sd-scripts' has, with the same parameters in the same order, and the loop calls them at the same places: what watches
one of the two watches both. torch is imported after the configuration was read, so mistakes are told at once.
"""

from __future__ import annotations

import random
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if not __package__:
    # Started as a file: python put this folder first on the path, where `dataset` would shadow other packages.
    _HERE = Path(__file__).resolve().parent
    sys.path[:] = [str(_HERE.parents[3]), *(entry for entry in sys.path if Path(entry).resolve() != _HERE)]

from orchestrator.backends.pocket.trainer.arguments import ConfigurationError, make_parser, with_config_file
from orchestrator.backends.pocket.trainer.logs import logger, setup_logging

if TYPE_CHECKING:
    import argparse

    import torch
    from accelerate import Accelerator

    from orchestrator.backends.pocket.trainer.dataset import Batch
    from orchestrator.backends.pocket.trainer.lora import LoraNetwork
    from orchestrator.backends.pocket.trainer.model import PocketModel

    Predicted = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor | None]
    """Prediction and target (batch, 4, height/4, width/4), timesteps (batch,), weighting or None."""


class NetworkTrainer:
    """Trains one network. Unused parameters are sd-scripts' own; there the parts of the model come one by one."""

    def __init__(self) -> None:
        self.model: PocketModel | None = None
        """The base, once it is loaded."""

    def generate_step_logs(
        self,
        args: argparse.Namespace,
        current_loss: float,
        avr_loss: float,
        lr_scheduler: Any,
        lr_descriptions: list[str],
        optimizer: Any = None,
        keys_scaled: Any = None,
        mean_norm: Any = None,
        maximum_norm: Any = None,
        mean_grad_norm: Any = None,
        mean_combined_norm: Any = None,
    ) -> dict[str, float]:
        """The scalars of one micro-step under sd-scripts' tags."""
        from orchestrator.backends.pocket.trainer.loop import rates

        del keys_scaled, mean_norm, maximum_norm, mean_grad_norm, mean_combined_norm
        logged = rates(args, lr_scheduler, lr_descriptions, optimizer)
        return {"loss/current": current_loss, "loss/average": avr_loss, **logged}

    def sample_images(
        self,
        accelerator: Accelerator,
        args: argparse.Namespace,
        epoch: int | None,
        global_step: int,
        device: torch.device,
        vae: Any,
        tokenizers: Any,
        text_encoder: Any,
        unet: Any,
    ) -> bool:
        """Draw the samples that are due; returns whether there were any. `epoch` is None after an optimizer step."""
        from orchestrator.backends.pocket.trainer.sampling import draw_samples

        del accelerator, device, vae, tokenizers, text_encoder, unet
        assert self.model is not None  # noqa: S101  set before the loop
        return draw_samples(args, self.model, global_step, epoch)

    def assert_extra_args(self, args: argparse.Namespace, train_dataset_group: Any, val_dataset_group: Any) -> None:
        """Hear of the datasets once they are made; validation may be None. There is nothing more to check here."""

    def encode_images_to_latents(self, args: argparse.Namespace, vae: Any, images: torch.Tensor) -> torch.Tensor:
        """Pictures (batch, 3, height, width) in -1..1 to a sample of their latents, not scaled."""
        from orchestrator.backends.pocket.trainer.model import encode

        del args
        return encode(vae, images)

    def on_validation_step_end(
        self,
        args: argparse.Namespace,
        accelerator: Accelerator,
        network: LoraNetwork,
        text_encoders: list[Any],
        unet: Any,
        batch: Batch,
        weight_dtype: torch.dtype,
    ) -> None:
        """After each forward pass of a validation; nothing to tidy up here."""

    def get_noise_pred_and_target(
        self,
        args: argparse.Namespace,
        accelerator: Accelerator,
        noise_scheduler: Any,
        latents: torch.Tensor,
        batch: Batch,
        text_encoder_conds: list[torch.Tensor],
        unet: Any,
        network: LoraNetwork,
        weight_dtype: torch.dtype,
        train_unet: bool,
        is_train: bool = True,
    ) -> Predicted:
        """Noise the scaled latents (batch, 4, height/4, width/4) at random timesteps and predict the noise."""
        from orchestrator.backends.pocket.trainer.losses import predict_noise

        del accelerator, batch, network, weight_dtype, train_unet
        predicted, noise, timesteps = predict_noise(
            args, noise_scheduler, latents, text_encoder_conds[0], unet, is_train=is_train
        )
        return predicted, noise, timesteps, None

    def process_batch(
        self,
        batch: Batch,
        text_encoders: list[Any],
        unet: Any,
        network: LoraNetwork,
        vae: Any,
        noise_scheduler: Any,
        vae_dtype: torch.dtype,
        weight_dtype: torch.dtype,
        accelerator: Accelerator,
        args: argparse.Namespace,
        text_encoding_strategy: PocketModel,
        tokenize_strategy: Any,
        is_train: bool = True,
        train_text_encoder: bool = True,
        train_unet: bool = True,
    ) -> torch.Tensor:
        """The loss of one micro-batch, a scalar."""
        from orchestrator.backends.pocket.trainer.losses import embedded, nan_free, weighted_loss

        del text_encoders, vae_dtype, tokenize_strategy
        latents = batch["latents"]
        if latents is None:
            assert batch["images"] is not None  # noqa: S101  a batch holds one or the other
            latents = nan_free(self.encode_images_to_latents(args, vae, batch["images"]))
        latents = latents * vae.config.scaling_factor
        states = embedded(text_encoding_strategy, batch, has_gradient=is_train and train_text_encoder)
        predicted, target, timesteps, _ = self.get_noise_pred_and_target(
            args, accelerator, noise_scheduler, latents, batch, [states], unet, network, weight_dtype, train_unet,
            is_train=is_train,
        )  # fmt: skip
        return weighted_loss(args, noise_scheduler, predicted, target, timesteps, batch["loss_weights"])

    def train(self, args: argparse.Namespace) -> None:
        """Train to the end. Returns also where there was no picture and where the loss became NaN, as in sd-scripts.

        Raises SystemExit(1) when what is configured cannot be trained, with the reasons on stderr.
        """
        started_at = time.time()
        if args.seed is None:
            args.seed = random.SystemRandom().randint(0, 2**32)
        try:
            from orchestrator.backends.pocket.trainer.loop import train
            from orchestrator.backends.pocket.trainer.prepare import prepare

            run = prepare(args, started_at, self)
            if run is not None:
                self.model = run.model
                train(run, self)
        except ConfigurationError as error:
            _refuse(error)


def setup_parser() -> argparse.ArgumentParser:
    """The options of the command line."""
    return make_parser()


def read_config_from_file(args: argparse.Namespace, parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Defaults, then the TOML named by `--config_file`, then what the command line gave; every key checked.

    Raises SystemExit(1), the reasons on stderr.
    """
    del parser
    setup_logging(simple=bool(getattr(args, "console_log_simple", False)))
    try:
        read = with_config_file(args)
    except ConfigurationError as error:
        _refuse(error)
    if read.config_file is not None:
        setup_logging(simple=read.console_log_simple)
        logger.info("Loading settings from %s...", read.config_file)
    return read


def _refuse(error: ConfigurationError) -> NoReturn:
    sys.stderr.writelines(f"error: {line}\n" for line in str(error).splitlines())
    raise SystemExit(1)


if __name__ == "__main__":
    parser = setup_parser()

    args = parser.parse_args()
    args = read_config_from_file(args, parser)

    trainer = NetworkTrainer()
    trainer.train(args)
