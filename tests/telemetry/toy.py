# ruff: noqa: ARG002  the methods have the parameters of the real trainer
"""A trainer of sd-scripts' shape, small enough for a test: its hooks, its datasets' form, its use of random numbers."""

from __future__ import annotations

import contextlib
import random
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch

CAPTIONS = ("red, square, flat", "blue, circle, round")


class BatchIndex(NamedTuple):
    bucket_index: int
    bucket_batch_size: int
    batch_index: int


class Tokenizing:
    """A number for each word: captions have tokens of different lengths."""

    def tokenize(self, text: str | list[str]) -> list[torch.Tensor]:
        texts = [text] if isinstance(text, str) else text
        words = [one.replace(",", " ").split() for one in texts]
        return [torch.stack([torch.tensor([ord(word[-1]) for word in one], dtype=torch.long) for one in words])]


def padded(captions: list[str]) -> torch.Tensor:
    """Tokens of captions, (B, longest)."""
    rows = [Tokenizing().tokenize(caption)[0][0] for caption in captions]
    longest = max(1, *map(len, rows))
    return torch.stack([torch.nn.functional.pad(row, (0, longest - len(row))) for row in rows])


class Encoding:
    def __init__(self) -> None:
        self.t5_dropout_rate = 0.5

    def encode_tokens(
        self, tokenizing: Tokenizing, models: list[Any], tokens: list[torch.Tensor]
    ) -> list[torch.Tensor]:
        kept = float(random.random() >= self.t5_dropout_rate)
        return [models[0](tokens[0].float().mean(1, keepdim=True) / 100 * kept)]


class Dataset:
    """A list of batches of two; with `images` instead of latents where `is_cached` is false.

    `text`: the batch holds tokens (`ids`), ready outputs of the text encoder (`outputs`) or captions alone.
    """

    def __init__(self, folder: str, count: int, *, is_cached: bool, text: str | None = None) -> None:
        self.caching_mode = None
        self.is_cached = is_cached
        self.text = text
        subset = SimpleNamespace(shuffle_caption=True, caption_dropout_rate=0.2, flip_aug=True)
        keys = [f"{folder}/{number:03d}.png" for number in range(count)]
        self.image_data = {
            key: SimpleNamespace(
                caption=f"{CAPTIONS[place % 2]}, {place}",
                absolute_path=key,
                bucket_reso=(64, 32),
                is_reg=False,
                latents=torch.arange(8.0).reshape(2, 2, 2) * 0.1 + place,
            )
            for place, key in enumerate(keys)
        }
        self.image_to_subset = dict.fromkeys(keys, subset)
        self.bucket_manager = SimpleNamespace(buckets=[[], keys])
        self.buckets_indices = [BatchIndex(1, 2, place) for place in range((count + 1) // 2)]

    def __len__(self) -> int:
        return len(self.buckets_indices)

    def __getitem__(self, index: int) -> dict[str, Any]:
        entry = self.buckets_indices[index]
        start = entry.batch_index * entry.bucket_batch_size
        captions, pixels = [], []
        for key in self.bucket_manager.buckets[entry.bucket_index][start : start + entry.bucket_batch_size]:
            info, subset = self.image_data[key], self.image_to_subset[key]
            words = info.caption.split(", ")
            if subset.shuffle_caption:
                random.shuffle(words)
            is_dropped = subset.caption_dropout_rate > 0 and random.random() < subset.caption_dropout_rate
            captions.append("" if is_dropped else ", ".join(words))
            is_flipped = subset.flip_aug and random.random() < 0.5
            pixels.append(info.latents.flip(2) if is_flipped else info.latents)
        return self._text(captions) | {
            "captions": captions,
            "loss_weights": torch.ones(len(captions)),
            "latents": torch.stack(pixels) if self.is_cached else None,
            "images": None if self.is_cached else torch.stack(pixels),
            "custom_attributes": [{} for _ in captions],
        }

    def _text(self, captions: list[str]) -> dict[str, Any]:
        ids = [padded(captions)]
        encoding = Encoding()
        encoding.t5_dropout_rate = 0.0
        outputs = [*encoding.encode_tokens(Tokenizing(), [torch.nn.Identity()], ids), torch.ones(len(captions))]
        return {
            "input_ids_list": ids if self.text == "ids" else None,
            "text_encoder_outputs_list": outputs if self.text == "outputs" else None,
        }


class Lora(torch.nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.multiplier = 1.0
        self.weight = torch.nn.Parameter(torch.zeros(2, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        added = x @ self.weight
        if self.training:
            added = torch.nn.functional.dropout(added, 0.1)
        return x + added * self.multiplier


class Network(torch.nn.Module):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.lora = Lora()

    def set_multiplier(self, multiplier: float) -> None:
        self.lora.multiplier = multiplier


class Accelerator:
    num_processes = 1
    distributed_type = "NO"
    device = torch.device("cpu")

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self._optimizers = [optimizer]

    def autocast(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def unwrap_model(self, model: Any) -> Any:
        return model

    def clip_grad_norm_(self, parameters: Any, max_norm: float, norm_type: int = 2) -> torch.Tensor:
        return torch.nn.utils.clip_grad_norm_(parameters, max_norm, norm_type)


class NetworkTrainer:
    """Trains `Network` so that it takes noise out of tiny latents."""

    def __init__(self) -> None:
        self.losses: list[float] = []
        self.final = torch.zeros(0)

    def assert_extra_args(self, args: Any, train_dataset_group: Any, val_dataset_group: Any) -> None:
        pass

    def encode_images_to_latents(self, args: Any, vae: Any, images: torch.Tensor) -> torch.Tensor:
        return images + 0.01 * torch.randn_like(images)

    def get_models_for_text_encoding(self, args: Any, accelerator: Any, text_encoders: list[Any]) -> list[Any]:
        return text_encoders

    def on_validation_step_end(
        self, args: Any, accelerator: Any, network: Any, text_encoders: Any, unet: Any, batch: Any, weight_dtype: Any
    ) -> None:
        args.validation_ends += 1

    def sample_images(
        self, accelerator: Any, args: Any, epoch: Any, global_step: int, device: Any, vae: Any, tokenizers: Any,
        text_encoder: Any, unet: Any,
    ) -> None:  # fmt: skip
        pass

    def get_noise_pred_and_target(
        self, args: Any, accelerator: Any, noise_scheduler: Any, latents: Any, batch: Any, text_encoder_conds: Any,
        unet: Any, network: Any, weight_dtype: Any, train_unet: Any, is_train: bool = True,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, None]:  # fmt: skip
        noise = torch.randn_like(latents)
        low, high = args.min_timestep or 0, 1000 if args.max_timestep is None else args.max_timestep
        size = (latents.shape[0],)
        timesteps = torch.randint(low, high, size) if low < high else torch.full(size, high)
        share = (timesteps / 1000).reshape(-1, 1, 1, 1)
        with torch.set_grad_enabled(is_train):
            shown = latents * (1 - share) + noise * share
            if text_encoder_conds:
                shown = shown + text_encoder_conds[0].reshape(-1, 1, 1, 1)
            return unet(network.lora(shown)), noise, timesteps, None

    def process_batch(
        self, batch: Any, text_encoders: Any, unet: Any, network: Any, vae: Any, noise_scheduler: Any, vae_dtype: Any,
        weight_dtype: Any, accelerator: Any, args: Any, text_encoding_strategy: Any, tokenize_strategy: Any,
        is_train: bool = True, train_text_encoder: bool = True, train_unet: bool = True,
    ) -> torch.Tensor:  # fmt: skip
        latents = batch["latents"]
        if latents is None:
            latents = self.encode_images_to_latents(args, vae, batch["images"])
        states = batch["text_encoder_outputs_list"] or []
        if args.text in ("ids", "captions"):
            ids = batch["input_ids_list"] or [padded(batch["captions"])]
            states = text_encoding_strategy.encode_tokens(tokenize_strategy, text_encoders, ids)
        prediction, target, _, _ = self.get_noise_pred_and_target(
            args, accelerator, noise_scheduler, latents, batch, states, unet, network, weight_dtype, train_unet,
            is_train=is_train,
        )  # fmt: skip
        return torch.nn.functional.mse_loss(prediction, target)

    def train(self, args: Any) -> None:
        torch.manual_seed(args.seed)
        random.seed(args.seed)
        training = Dataset("/data/2_thing", 5, is_cached=args.is_cached, text=args.text)
        held_out = Dataset("/data/1_held", 3, is_cached=args.is_cached, text=args.text) if args.has_held_out else None
        encoders = [torch.nn.Identity()] if args.has_text_encoders else []
        self.assert_extra_args(args, training, held_out)
        network, unet = Network(), torch.nn.Linear(2, 2).requires_grad_(requires_grad=False)
        unet.train()
        optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
        accelerator = Accelerator(optimizer)
        self.sample_images(accelerator, args, 0, 0, None, None, [], [], unet)
        micro = 0
        for step in range(1, args.max_train_steps + 1):
            network.train()
            for _ in range(args.gradient_accumulation_steps):
                batch = training[micro % len(training)]
                micro += 1
                loss = self.process_batch(
                    batch, encoders, unet, network, None, SimpleNamespace(), torch.float32, torch.float32, accelerator,
                    args, Encoding(), Tokenizing(), is_train=True, train_text_encoder=args.text != "outputs",
                )  # fmt: skip
                loss.backward()
                self.losses.append(loss.item())
            accelerator.clip_grad_norm_(list(network.parameters()), args.max_grad_norm)
            if step == args.fails_at:
                raise RuntimeError("the trainer failed")
            optimizer.step()
            optimizer.zero_grad()
            self.sample_images(accelerator, args, None, step, None, None, [], [], unet)
        self.final = network.lora.weight.detach().clone()


def arguments(**changes: Any) -> SimpleNamespace:
    """Arguments of a run of 16 steps."""
    values = {
        "seed": 3, "max_train_steps": 16, "gradient_accumulation_steps": 2, "is_cached": True, "has_held_out": True,
        "min_timestep": None, "max_timestep": None, "max_grad_norm": 0.05, "fails_at": None, "validation_ends": 0,
        "text": None, "has_text_encoders": True, "weighted_captions": False,
    }  # fmt: skip
    return SimpleNamespace(**(values | changes))


if __name__ == "__main__":
    import sys

    trainer = NetworkTrainer()
    trainer.train(arguments(fails_at=int(sys.argv[1]) if sys.argv[1:] else None))


class Flow(NetworkTrainer):
    """Predicts velocities, and compares them, or the pictures that they lead to, as `sd3_train_network.py` does."""

    compares_pictures = False

    def get_noise_pred_and_target(
        self, args: Any, accelerator: Any, noise_scheduler: Any, latents: Any, batch: Any, text_encoder_conds: Any,
        unet: Any, network: Any, weight_dtype: Any, train_unet: Any, is_train: bool = True,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, None]:  # fmt: skip
        latents = latents.repeat(1, 1, 64, 64)  # large enough that noise has mean square 1
        noise = torch.randn_like(latents)
        low, high = args.min_timestep or 1, 1000 if args.max_timestep is None else args.max_timestep
        timesteps = torch.randint(low, high + 1, latents.shape[:1])
        sigmas = (timesteps / 1000).reshape(-1, 1, 1, 1)
        noisy = latents * (1 - sigmas) + noise * sigmas
        velocity = unet(network.lora(noisy[..., :2])).repeat(1, 1, 1, latents.shape[-1] // 2)
        if self.compares_pictures:
            return noisy - sigmas * velocity, latents, timesteps, None
        return velocity, noise - latents, timesteps, None
