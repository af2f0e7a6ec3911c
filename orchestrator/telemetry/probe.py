"""The fixed probe: loss of fixed pictures at fixed timesteps with fixed noise, with the LoRA on and off.

It goes through the trainer's own `process_batch(..., is_train=False)`, as validation does, so text encoders, caches and
the forward pass are the trainer's. Its `get_noise_pred_and_target` is called once per timestep while text and latents
are prepared once. Timesteps are fixed by the trainer's own options: `min_timestep = max_timestep` for SD1.x, SD2, SDXL
and SD3; the other flow models ignore those, there `timestep_sampling = "shift"` with `sigmoid_scale = 0` gives
sigma = shift / (1 + shift) without any chance in it.
"""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING, Any

from .captions import without_trigger
from .lines import rounded
from .probe_batches import NotPossible, ProbeBatch, build, choose, map_tensors
from .settings import is_due, probe_interval
from .untouched import attributes, evaluating, multiplier_zero, random_states

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .pictures import Pictures
    from .recorder import Recorder

TIMESTEP_OPTIONS = ("min_timestep", "max_timestep", "timestep_sampling", "sigmoid_scale", "discrete_flow_shift")
UNSUPPORTED = ("DEEPSPEED", "FSDP", "MEGATRON")
"""Ways to spread one model over processes: a forward pass on one of them alone would wait for ever."""
LEAST_SIGMA = 0.02
TOLERANCE = 5.0
"""Timesteps may come back in bfloat16 (steps of 4 at 900) or cut to whole numbers."""


class Probe:
    """Decides when to measure, and measures."""

    def __init__(
        self,
        recorder: Recorder,
        pictures: Pictures,
        originals: dict[str, Callable[..., Any]],
        scale: float,
        compares_pictures: bool = False,
    ) -> None:
        self._recorder = recorder
        self._pictures = pictures
        self._originals = originals
        self._scale = scale
        self._compares_pictures = compares_pictures
        self._trainer: Any = None
        self._call: dict[str, Any] = {}
        self._network: Any = None
        self._batches: list[ProbeBatch] = []
        self._interval = 0
        self.is_running = False
        self.is_on = False
        self._has_ended = False
        self._total_steps = 0

    def start(self, trainer: Any, call: dict[str, Any]) -> None:
        """Before the first training batch: choose the pictures and measure the base model."""
        began = time.perf_counter()
        self._trainer = trainer
        self._call = {name: value for name, value in call.items() if name not in ("batch", "is_train")}
        try:
            self._check()
            self._prepare(len(call["batch"]["loss_weights"]))
        except NotPossible as reason:
            self._recorder.note("probe-off", str(reason))
            return
        finally:
            self._recorder.probe_seconds += time.perf_counter() - began
        self.is_on = True
        args = call["args"]
        # A resumed run counts from 1 again and ends where the rest of its steps are done.
        self._total_steps = args.max_train_steps - (getattr(args, "initial_step", None) or 0)
        self._interval = probe_interval(self._recorder.settings.probe_every_steps, self._total_steps)
        self._measure("start", 0, is_on=False)

    def after_step(self, number: int) -> None:
        """After an optimizer step: measure where it is due, and both ways after the last one."""
        if not self.is_on:
            return
        if number >= self._total_steps:
            self.is_on = False
            self._measure("end", number, is_on=True)
            self._measure("end", number, is_on=False)
            self._has_ended = True
        elif is_due(number, self._interval, self._total_steps):
            self._measure("train", number, is_on=True)

    def after_end(self, number: int) -> None:
        """After the last probe, once: the same with the LoRA on and without the trigger in the captions."""
        trigger = self._recorder.settings.trigger
        if not self._has_ended or trigger is None:
            return
        self._has_ended = False
        began = time.perf_counter()
        try:
            batches = self._batches_without(trigger)
        except NotPossible as reason:
            self._recorder.note("no-trigger-probe", str(reason))
            return
        finally:
            self._recorder.probe_seconds += time.perf_counter() - began
        self._measure("no-trigger", number, is_on=True, batches=batches)

    def _batches_without(self, trigger: str) -> list[ProbeBatch]:
        """The batches in which a caption holds the trigger, without it; told are the pictures that it was taken from."""
        found = []
        with self._everything_kept():
            for batch in self._batches:
                content, shown = without_trigger(batch.content, trigger, self._trainer, self._call)
                found += [ProbeBatch(batch.keys, content, batch.place, shown)] if shown else []
        if not found:
            raise NotPossible("no caption of the probe holds the trigger")
        return found

    def turn_off(self) -> None:
        """No further probes, after an error in one."""
        self.is_on = False
        self._batches = []

    def _check(self) -> None:
        accelerator = self._call["accelerator"]
        kind = str(getattr(accelerator, "distributed_type", "NO")).upper()
        if any(name in kind for name in UNSUPPORTED):
            raise NotPossible(f"the model is spread over processes ({kind.rsplit('.', 1)[-1]})")
        if accelerator.num_processes > 1:  # without the wrapper that waits for the other processes
            call = self._call
            call["unet"] = accelerator.unwrap_model(call["unet"])
            call["text_encoders"] = [accelerator.unwrap_model(one) for one in call["text_encoders"]]
            call["network"] = accelerator.unwrap_model(call["network"])
        self._network = accelerator.unwrap_model(self._call["network"])
        if not callable(getattr(self._network, "set_multiplier", None)):
            raise NotPossible(f"the network ({type(self._network).__name__}) cannot be switched off")

    def _prepare(self, batch_size: int) -> None:
        """Choose the pictures and keep their batches; `batch_size` is that of the first training batch."""
        most, pictures = self._recorder.settings.probe_pictures, self._pictures
        chosen = choose(pictures.training, most) if pictures.training is not None else []
        if not chosen:
            raise NotPossible("the data set does not say which pictures it holds")
        trained = {key for key, _ in pictures.infos(pictures.training)}
        held_out = choose(pictures.held_out, most, trained) if pictures.held_out is not None else []
        if pictures.held_out is not None and not held_out:
            self._recorder.note("held-out", "every validation picture is a training picture too: none is held out")
        with random_states():
            self._seed(0)
            self._batches = build(chosen, batch_size) + build(held_out, batch_size)
            for place, batch in enumerate(self._batches):
                batch.place = place
                self._keep_latents(batch.content)
                if self._scale != 1.0 and batch.content.get("text_encoder_outputs_list") is not None:
                    rates = batch.content["text_encoder_outputs_list"]
                    rates[-1] = rates[-1] * 0  # Anima keeps the caption dropout rates behind the cached outputs
        for batch in self._batches:
            for key in batch.keys:
                pictures.index(key, "")

    def _keep_latents(self, content: dict[str, Any]) -> None:
        """Encode the pixels once, as `process_batch` would each time."""
        import torch

        if content.get("latents") is None:
            call = self._call
            with torch.no_grad():
                parts = [
                    self._trainer.encode_images_to_latents(
                        call["args"], call["vae"], image.to(call["accelerator"].device, dtype=call["vae_dtype"])
                    )
                    for image in content["images"].split(1)
                ]
            content["latents"], content["images"] = torch.nan_to_num(torch.cat(parts), 0.0), None
        content.update(map_tensors(content, lambda tensor: tensor.detach().cpu()))

    def _seed(self, number: int) -> None:
        import random

        import torch

        torch.manual_seed(self._recorder.settings.probe_seed + number)
        random.seed(self._recorder.settings.probe_seed + number)

    def _measure(self, when: str, number: int, *, is_on: bool, batches: list[ProbeBatch] | None = None) -> None:
        batches = self._batches if batches is None else batches
        began = time.perf_counter()
        found: list[Any] = []
        self.is_running = True
        try:
            with self._everything_kept(), contextlib.ExitStack() as stack:
                if not is_on:
                    stack.enter_context(multiplier_zero(self._network))
                found += [self._evaluate(batch) for batch in batches]
            values = [tensor.cpu().double() for tensor in found]
        except BaseException:
            self.turn_off()
            raise
        finally:
            self.is_running = False
            spent = time.perf_counter() - began
            self._recorder.probe_seconds += spent
        rows = [values[part][:, :, one].T.tolist() for one in (0, 1) for part in range(len(values))]
        losses = [row for part in rows[: len(values)] for row in part]
        targets = [row for part in rows[len(values) :] for row in part]
        self._recorder.line(
            {
                "k": "p",
                "n": number,
                "on": is_on,
                "when": when,
                "t": list(self._recorder.settings.probe_timesteps),
                "i": [self._pictures.index(key, "") for batch in batches for key in batch.shown_keys],
                "l": [[rounded(value, 9) for value in row] for row in losses],
                "g": [[rounded(value, 9) for value in row] for row in targets],
                "s": round(spent, 4),
            }
        )
        self._recorder.flush()

    def _evaluate(self, batch: ProbeBatch) -> Any:
        """Mean squared error and mean squared target of the pictures to be told, (timesteps, pictures, 2)."""
        import torch

        rows: list[Any] = []

        def at_all_timesteps(*arguments: Any, **named: Any) -> Any:
            result = None
            for order, timestep in enumerate(self._recorder.settings.probe_timesteps):
                fix_timestep(self._call["args"], timestep)
                self._seed(1 + batch.place * len(self._recorder.settings.probe_timesteps) + order)
                result = self._originals["get_noise_pred_and_target"](self._trainer, *arguments, **named)
                rows.append(self._row(result, timestep))
                self._after_forward(batch)
            return result

        device = self._call["accelerator"].device
        content = map_tensors(batch.content, lambda tensor: tensor.to(device, copy=True))
        self._trainer.get_noise_pred_and_target = at_all_timesteps
        try:
            self._originals["process_batch"](self._trainer, batch=content, is_train=False, **self._call)
        finally:
            del self._trainer.get_noise_pred_and_target
        if not rows:
            raise NotPossible("process_batch did not call get_noise_pred_and_target")
        told = torch.stack(rows)
        return told if batch.shown is None else told[:, batch.shown]

    def _row(self, result: Any, timestep: float) -> Any:
        import torch

        prediction, target, drawn = result[:3]
        drawn_at = (drawn.float() * self._scale - timestep).abs().max().item()
        if drawn_at > TOLERANCE:
            raise NotPossible(f"the trainer drew a timestep {drawn_at:.0f} away from {timestep:.0f}")
        at = drawn.float() * self._scale if self._compares_pictures else None
        return torch.stack(mean_squares(prediction, target, at), dim=1)

    def _after_forward(self, batch: ProbeBatch) -> None:
        """Bring swapped blocks back, as validation does after each forward pass without a backward pass."""
        call = self._call
        names = ("args", "accelerator", "network", "text_encoders", "unet")
        self._trainer.on_validation_step_end(*(call[name] for name in names), batch.content, call["weight_dtype"])

    @contextlib.contextmanager
    def _everything_kept(self) -> Iterator[None]:
        import torch

        call = self._call
        roots = [call["unet"], call["network"], *call["text_encoders"]]
        strategy = call["text_encoding_strategy"]
        rates = [name for name in getattr(strategy, "__dict__", ()) if name.endswith("_dropout_rate")]
        with contextlib.ExitStack() as stack:
            stack.enter_context(random_states())
            stack.enter_context(attributes(call["args"], TIMESTEP_OPTIONS))
            stack.enter_context(evaluating(roots))
            stack.enter_context(torch.no_grad())
            if rates:
                stack.enter_context(attributes(strategy, rates))
            for name in rates:
                setattr(strategy, name, 0.0)
            yield


def fix_timestep(args: Any, timestep: float) -> None:
    """Leave the trainer no choice but this timestep (0..1000)."""
    args.min_timestep = args.max_timestep = int(timestep)
    if hasattr(args, "timestep_sampling"):
        sigma = timestep / 1000
        args.timestep_sampling, args.sigmoid_scale = "shift", 0.0
        args.discrete_flow_shift = sigma / (1 - sigma)


def mean_squares(prediction: Any, target: Any, of_pictures_at: Any = None) -> list[Any]:
    """Mean squared error and mean squared target of each sample, two float32 tensors (B,).

    `of_pictures_at`: timesteps (B,), 0..1000, where the trainer compares pictures rather than velocities; both numbers are
    brought to those of the velocity (noise - picture), as of any other flow model. A picture is off by sigma times what its
    velocity is off; the noise has mean square 1. Below sigma 0.02 the error counts as at 0.02, so it falls towards 0: rounding in
    bfloat16 would be about half of what is seen there.
    """
    wanted = target.detach().float()
    away = prediction.detach().float() - wanted
    loss, square = away.square().flatten(1).mean(1), wanted.square().flatten(1).mean(1)
    if of_pictures_at is None:
        return [loss, square]
    return [loss / (of_pictures_at / 1000).clamp(min=LEAST_SIGMA).square(), square + 1]
