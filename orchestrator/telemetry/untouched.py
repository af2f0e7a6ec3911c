"""Everything a probe touches, put back as it was."""

from __future__ import annotations

import contextlib
import random
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_ABSENT = object()
_ACCELERATORS = ("cuda", "xpu", "mps")


def _random_states() -> dict[str, Any]:
    import torch

    states: dict[str, Any] = {"torch": torch.get_rng_state(), "random": random.getstate()}
    for name in _ACCELERATORS:
        if _is_there(name):
            device = getattr(torch, name)
            states[name] = device.get_rng_state() if name == "mps" else device.get_rng_state_all()
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        states["numpy"] = numpy.random.get_state()
    return states


def _is_there(name: str) -> bool:
    import torch

    place = torch.backends.mps if name == "mps" else getattr(torch, name, None)
    return place is not None and bool(place.is_available())


def _restore(states: dict[str, Any]) -> None:
    import torch

    torch.set_rng_state(states["torch"])
    random.setstate(states["random"])
    for name in _ACCELERATORS:
        if name in states:
            device = getattr(torch, name)
            (device.set_rng_state if name == "mps" else device.set_rng_state_all)(states[name])
    if "numpy" in states:
        sys.modules["numpy"].random.set_state(states["numpy"])


@contextlib.contextmanager
def random_states() -> Iterator[None]:
    """Put all random states (torch on every device, random, numpy where loaded) back afterwards."""
    states = _random_states()
    try:
        yield
    finally:
        _restore(states)


@contextlib.contextmanager
def attributes(thing: Any, names: Iterable[str]) -> Iterator[None]:
    """Put the named attributes of an object back afterwards, absent ones included."""
    kept = {name: vars(thing).get(name, _ABSENT) for name in names}
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is not _ABSENT:
                setattr(thing, name, value)
            elif name in vars(thing):
                delattr(thing, name)


@contextlib.contextmanager
def evaluating(roots: Iterable[Any]) -> Iterator[None]:
    """Set every module below the roots to evaluation and each back to what it was.

    `module.train(...)` is not called: trainers and networks override it, and one flag for all would not bring back a
    mixture.
    """
    training = [module for root in roots if hasattr(root, "modules") for module in root.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True


@contextlib.contextmanager
def multiplier_zero(network: Any) -> Iterator[None]:
    """Switch the LoRA off, and every part of it back to the strength it had."""
    kept = [(module, module.multiplier) for module in network.modules() if hasattr(module, "multiplier")]
    network.set_multiplier(0.0)
    try:
        yield
    finally:
        for module, value in kept:
            module.multiplier = value
