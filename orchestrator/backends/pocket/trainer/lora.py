"""The network that is trained: low-rank pairs put in by peft, named and saved as sd-scripts' `networks.lora` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from peft import LoraConfig, inject_adapter_in_model

from orchestrator.backends.pocket.trainer.arguments import ConfigurationError
from orchestrator.backends.pocket.trainer.logs import logger

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.backends.pocket.trainer.model import PocketModel

DEFAULT_DIM = 4


def target_names(model: torch.nn.Module, inside: tuple[str, ...]) -> list[str]:
    """Linear layers and 1x1 convolutions below a module whose path holds one of `inside`."""
    names = []
    for name, module in model.named_modules():
        is_small = isinstance(module, torch.nn.Conv2d) and module.kernel_size == (1, 1)
        if (isinstance(module, torch.nn.Linear) or is_small) and any(part in name for part in inside):
            names.append(name)
    return names


class LoraPair(torch.nn.Module):
    """One low-rank pair; its state dict has the three keys of sd-scripts."""

    def __init__(self, layer: Any, alpha: float) -> None:
        super().__init__()
        self._layer = (layer,)  # in a tuple: a pair must not own the weights of the base
        self._multiplier = 1.0
        self.lora_down = layer.lora_A["default"]
        self.lora_up = layer.lora_B["default"]
        self.register_buffer("alpha", torch.tensor(float(alpha)))

    @property
    def multiplier(self) -> float:
        """How much the pair counts: 1 as trained, 0 not at all."""
        return self._multiplier

    @multiplier.setter
    def multiplier(self, value: float) -> None:
        self._multiplier = value
        self._layer[0].set_scale("default", value)


class LoraNetwork(torch.nn.Module):
    """All pairs of a run. `state_dict()` is what goes into the file."""

    def __init__(self, dim: int | None, alpha: float, dropout: float | None) -> None:
        super().__init__()
        self.dim = DEFAULT_DIM if dim is None else dim
        self.alpha = alpha
        self.dropout = dropout
        logger.info("create LoRA network. base dim (rank): %s, alpha: %s", self.dim, alpha)
        logger.info("neuron dropout: p=%s, rank dropout: p=None, module dropout: p=None", dropout)

    def add(self, model: torch.nn.Module, prefix: str, targets: list[str]) -> int:
        """Put pairs beside the target layers of a model; returns how many there are."""
        config = LoraConfig(
            r=self.dim, lora_alpha=self.alpha, lora_dropout=self.dropout or 0.0, target_modules=targets, bias="none"
        )
        inject_adapter_in_model(config, model)
        for path in targets:
            self.add_module(f"{prefix}_{path.replace('.', '_')}", LoraPair(model.get_submodule(path), self.alpha))
        return len(targets)

    def set_multiplier(self, multiplier: float) -> None:
        """Let the pairs count that much: 1 as trained, 0 for the base model alone."""
        for _, pair in self.named_children():
            assert isinstance(pair, LoraPair)  # noqa: S101  nothing else is added
            pair.multiplier = multiplier

    def get_trainable_params(self) -> Iterator[torch.nn.Parameter]:
        """What the optimizer changes."""
        return self.parameters()

    def pairs(self, prefix: str) -> Iterator[torch.nn.Parameter]:
        """Trainable tensors of the pairs whose names start with a prefix."""
        for name, pair in self.named_children():
            if name.startswith(prefix):
                yield from pair.parameters()


def make_network(
    model: PocketModel, dim: int | None, alpha: float, dropout: float | None, *, with_unet: bool, with_text: bool
) -> LoraNetwork:
    """Create the pairs for the U-Net's attention blocks and, where wanted, for the text encoder."""
    network = LoraNetwork(dim, alpha, dropout)
    if with_text:
        targets = target_names(model.text_encoder, ("self_attn", "mlp"))
        # Older transformers keep everything below `text_model`, newer ones do not; the file always has it.
        is_flat = not targets[0].startswith("text_model.")
        count = network.add(model.text_encoder, "lora_te_text_model" if is_flat else "lora_te", targets)
        logger.info("create LoRA for Text Encoder: %d modules.", count)
    if with_unet:
        count = network.add(model.unet, "lora_unet", target_names(model.unet, ("attentions.",)))
        logger.info("create LoRA for U-Net: %d modules.", count)
    if with_text:
        logger.info(
            "enable LoRA for text encoder: %d modules", sum(n.startswith("lora_te") for n, _ in _named(network))
        )
    if with_unet:
        logger.info("enable LoRA for U-Net: %d modules", sum(n.startswith("lora_unet") for n, _ in _named(network)))
    return network


def _named(network: LoraNetwork) -> list[tuple[str, torch.nn.Module]]:
    return list(network.named_children())


def load_weights(network: LoraNetwork, path: str) -> None:
    """Start from a saved LoRA of the same shape.

    Raises:
        ConfigurationError: other keys or shapes than this network has.
    """
    from safetensors.torch import load_file

    try:
        network.load_state_dict(load_file(path))
    except (RuntimeError, OSError) as error:
        raise ConfigurationError(f"`network_weights` {path!r} does not fit this network: {error}") from error


def apply_file(model: PocketModel, path: str) -> LoraNetwork:
    """Put a saved LoRA beside the layers of a freshly loaded base; its rank and alpha are read from the file."""
    from safetensors.torch import load_file

    tensors = load_file(path)
    first = next(name.removesuffix(".alpha") for name in tensors if name.endswith(".alpha"))
    network = make_network(
        model, tensors[f"{first}.lora_down.weight"].shape[0], float(tensors[f"{first}.alpha"]), None,
        with_unet=any(name.startswith("lora_unet_") for name in tensors),
        with_text=any(name.startswith("lora_te_") for name in tensors),
    )  # fmt: skip
    network.load_state_dict(tensors)
    return network


def parameter_groups(
    network: LoraNetwork, text_encoder_lr: float | None, unet_lr: float | None, default_lr: float
) -> tuple[list[dict[str, object]], list[str]]:
    """Optimizer groups and their names; a part whose rate is 0 is not trained."""
    groups: list[dict[str, object]] = []
    names: list[str] = []
    for name, prefix, rate in (("textencoder", "lora_te_", text_encoder_lr), ("unet", "lora_unet_", unet_lr)):
        parameters = list(network.pairs(prefix))
        if not parameters:
            continue
        used = default_lr if rate is None else rate
        if used == 0:
            logger.info("NO LR skipping!")
            for parameter in parameters:
                parameter.requires_grad_(False)  # noqa: FBT003  torch's own signature
            continue
        groups.append({"params": parameters, "lr": used})
        names.append(name)
    if not groups:
        raise ConfigurationError("every learning rate is 0: nothing would be trained")
    return groups, names
