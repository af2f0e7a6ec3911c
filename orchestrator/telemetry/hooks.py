"""The trainer's methods that are wrapped, and what each tells."""

from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

from .pictures import Pictures
from .probe import Probe, mean_squares
from .recorder import ESSENTIAL, Guard, MicroStep

if TYPE_CHECKING:
    from collections.abc import Callable

    from .recorder import Recorder

NEEDED: dict[str, tuple[str, ...]] = {
    "assert_extra_args": ("train_dataset_group", "val_dataset_group"),
    "process_batch": ("batch", "text_encoders", "unet", "network", "vae", "noise_scheduler", "vae_dtype",
                      "weight_dtype", "accelerator", "args", "text_encoding_strategy", "tokenize_strategy", "is_train",
                      "train_text_encoder", "train_unet"),
    "get_noise_pred_and_target": ("is_train",),
    "sample_images": ("accelerator", "args", "epoch", "global_step"),
}  # fmt: skip
"""Wrapped methods, and the names of the parameters that are read."""
CALLED: dict[str, tuple[str, ...]] = {
    "encode_images_to_latents": ("args", "vae", "images"),
    "on_validation_step_end": ("args", "accelerator", "network", "text_encoders", "unet", "batch", "weight_dtype"),
}
"""Methods that the probe calls, with the parameters it passes, in this order."""
CLIP = "clip_grad_norm_"
TIMESTEP_SCALE = {"anima_train_network": 1000.0}
"""Entries whose `get_noise_pred_and_target` returns timesteps as 0..1 rather than 0..1000."""
COMPARES_PICTURES = ("sd3_train_network",)
"""Entries that make a picture of the predicted velocity (noisy - sigma * velocity) and compare that."""


def parameters(function: Callable[..., Any]) -> list[str]:
    """Names of a method's parameters without `self`."""
    return list(inspect.signature(function).parameters)[1:]


class Hooks:
    """Listens to one trainer class."""

    def __init__(self, recorder: Recorder, guard: Guard, entry: str) -> None:
        self.recorder = recorder
        self.guard = guard
        self.scale = TIMESTEP_SCALE.get(entry, 1.0)
        self.pictures = Pictures(recorder)
        self.originals: dict[str, Callable[..., Any]] = {}
        self.compares_pictures = entry in COMPARES_PICTURES
        self.probe = Probe(recorder, self.pictures, self.originals, self.scale, self.compares_pictures)
        self._batch: tuple[list[int], list[str]] = ([], [])
        self._has_begun = False
        self._accelerator: Any = None

    def install(self, kind: type[Any]) -> None:
        """Wrap the methods of the class that exist as expected; note the others."""
        before = {
            "assert_extra_args": self._on_datasets,
            "process_batch": self._on_batch,
        }
        after = {
            "get_noise_pred_and_target": self._on_prediction,
            "sample_images": self._on_step_end,
        }
        found = {name: self._method(kind, name, needed) for name, needed in NEEDED.items()}
        self.recorder.head["hooks"] = {name: method is not None for name, method in found.items()}
        if any(found[name] is None for name in ESSENTIAL):
            return
        for name, method in found.items():
            if method is not None:
                self.originals[name] = method
                setattr(kind, name, self._wrapped(name, method, before.get(name), after.get(name)))
        is_callable = [self._method(kind, name, needed) is not None for name, needed in CALLED.items()]
        if not all(is_callable) or self.recorder.settings.mode != "probe" or self.recorder.rank != 0:
            self.guard.off.add("probe")

    def _method(self, kind: type[Any], name: str, needed: tuple[str, ...]) -> Callable[..., Any] | None:
        found = getattr(kind, name, None)
        missing = [one for one in needed if found is None or one not in parameters(found)]
        if missing:
            why = "is missing" if found is None else f"has no parameter {', '.join(missing)}"
            self.recorder.note("hook-missing", f"{kind.__name__}.{name} {why}: what it tells is not recorded")
            return None
        return found

    def _wrapped(
        self,
        name: str,
        original: Callable[..., Any],
        before: Callable[..., None] | None,
        after: Callable[..., None] | None,
    ) -> Callable[..., Any]:
        names = parameters(original)
        defaults = {key: one.default for key, one in inspect.signature(original).parameters.items()
                    if one.default is not inspect.Parameter.empty}  # fmt: skip
        guard, probe = self.guard, self.probe

        @functools.wraps(original)
        def method(trainer: Any, *arguments: Any, **named: Any) -> Any:
            if probe.is_running:
                return original(trainer, *arguments, **named)
            call = {**defaults, **dict(zip(names, arguments)), **named}  # noqa: B905  defaults fill the rest
            if before is not None:
                guard.run(name, before, trainer, call)
            result = original(trainer, *arguments, **named)
            if after is not None:
                guard.run(name, after, trainer, call, result)
            return result

        return method

    def _on_datasets(self, _trainer: Any, call: dict[str, Any]) -> None:
        self.pictures.know(call["train_dataset_group"], call["val_dataset_group"])

    def _on_batch(self, trainer: Any, call: dict[str, Any]) -> None:
        if not call["is_train"]:
            return
        if not self._has_begun:
            self._has_begun = True
            self._begin(trainer, call)
        self._batch = self.guard.run("pictures", self.pictures.in_batch, call["batch"]) or ([], [])
        if self._accelerator is not None:
            self.recorder.rates([float(group["lr"]) for group in self._groups()])

    def _begin(self, trainer: Any, call: dict[str, Any]) -> None:
        """At the first training batch: what is known only now, and the base model's probe."""
        accelerator = call["accelerator"]
        self.recorder.head["objective"] = objective(call["args"], call["noise_scheduler"])
        self.guard.run(CLIP, self._install_clip, type(accelerator))
        self._accelerator = accelerator if getattr(accelerator, "_optimizers", None) else None
        if self._accelerator is None:
            self.recorder.note("hook-missing", "the accelerator names no optimizer: learning rates are not recorded")
        self.guard.run("probe", self.probe.start, trainer, call)
        self.recorder.flush()

    def _install_clip(self, kind: type[Any]) -> None:
        original = getattr(kind, CLIP, None)
        fits = original is not None and parameters(original)[:2] == ["parameters", "max_norm"]
        self.recorder.head["hooks"][CLIP] = fits
        if original is None or not fits:
            self.recorder.note("hook-missing", f"{kind.__name__}.{CLIP} is not as expected: no gradient norms")
            return
        guard, recorder = self.guard, self.recorder

        @functools.wraps(original)
        def clip_grad_norm_(accelerator: Any, parameters: Any, max_norm: Any, *rest: Any, **named: Any) -> Any:
            norm = original(accelerator, parameters, max_norm, *rest, **named)
            if norm is not None:
                guard.run(CLIP, recorder.gradient, norm, float(max_norm))
            return norm

        setattr(kind, CLIP, clip_grad_norm_)

    def _groups(self) -> list[dict[str, Any]]:
        return list(self._accelerator._optimizers[-1].param_groups)  # noqa: SLF001  no public way to the optimizer

    def _on_prediction(self, _trainer: Any, call: dict[str, Any], result: Any) -> None:
        if not call["is_train"]:
            return
        import torch

        prediction, target, timesteps = result[:3]
        at = timesteps.detach().float() * self.scale
        values = torch.stack([at, *mean_squares(prediction, target, at if self.compares_pictures else None)])
        pictures, captions = self._batch
        self._batch = ([], [])
        self.recorder.samples(MicroStep(values, pictures or [-1] * values.shape[1], captions))

    def _on_step_end(self, _trainer: Any, call: dict[str, Any], _result: Any) -> None:
        """`sample_images` is called with an epoch at the start and at the end of epochs, without one after each step."""
        if call["epoch"] is not None:
            return
        ds = None
        if self._accelerator is not None:
            groups = self._groups()
            if groups and all("d" in group for group in groups):
                ds = [one.detach().clone() if hasattr(one, "detach") else one for one in (g["d"] for g in groups)]
        self.recorder.step_done(call["global_step"], ds)
        self.guard.run("probe", self.probe.after_step, call["global_step"])
        self.guard.run("no-trigger-probe", self.probe.after_end, call["global_step"])


def objective(args: Any, noise_scheduler: Any) -> str:
    """What the model predicts: `flow`, `v` or `epsilon`."""
    if "FlowMatch" in type(noise_scheduler).__name__:
        return "flow"
    return "v" if getattr(args, "v_parameterization", False) else "epsilon"
