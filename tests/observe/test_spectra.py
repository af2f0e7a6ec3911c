from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from orchestrator.observe import spectra
from orchestrator.observe.files import read_checkpoint
from orchestrator.observe.spectra import Pair, effective_rank, gram, singular_values, stable_rank

if TYPE_CHECKING:
    from pathlib import Path


def matrices(seed: int, out: int, rank: int, into: int, kernel: tuple[int, ...] = ()) -> tuple[Any, Any]:
    draw = np.random.default_rng(seed)
    sizes = 10.0 ** draw.uniform(-3, 0, rank)
    up = (draw.normal(size=(out, rank)) * sizes).astype(np.float32).reshape(out, rank, *(1 for _ in kernel))
    return up, draw.normal(size=(rank, into, *kernel)).astype(np.float32)


def pair(up: Any, down: Any, scale: float = 1.0) -> Pair:
    return Pair(gram(up, is_up=True), gram(down, is_up=False), scale, up.size * down.size // len(down) ** 2)


SHAPES = [(40, 4, 30, ()), (16, 8, 5, ()), (6, 8, 50, ()), (12, 5, 7, (3, 3)), (9, 1, 9, ())]


@pytest.mark.parametrize(("out", "rank", "into", "kernel"), SHAPES)
def test_singular_values_are_those_of_the_whole_product(
    out: int, rank: int, into: int, kernel: tuple[int, ...]
) -> None:
    up, down = matrices(rank, out, rank, into, kernel)
    product = 0.5 * up.reshape(out, rank).astype(float) @ down.reshape(rank, -1).astype(float)
    whole = np.zeros(rank)
    found = np.linalg.svd(product, compute_uv=False)[:rank]
    whole[: len(found)] = found
    ours = singular_values(pair(up, down, 0.5))
    np.testing.assert_allclose(ours, whole, atol=2e-3 * whole[0])
    assert pair(up, down, 0.5).norm == pytest.approx(float(np.linalg.norm(product)), rel=1e-5)
    assert effective_rank(ours) == pytest.approx(effective_rank(whole), rel=1e-3)
    assert stable_rank(ours) == pytest.approx(stable_rank(whole), rel=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_the_short_way_agrees_with_qr_and_a_small_svd(seed: int) -> None:
    up, down = matrices(seed, 320, 32, 768)
    left, right = np.linalg.qr(up.astype(float)).R, np.linalg.qr(down.T.astype(float)).R
    expected = np.linalg.svd(left @ right.T, compute_uv=False)
    np.testing.assert_allclose(singular_values(pair(up, down)), expected, atol=1e-3 * expected[0])
    assert effective_rank(singular_values(pair(up, down))) == pytest.approx(effective_rank(expected), rel=1e-4)


def test_ranks_of_known_spectra() -> None:
    assert effective_rank(np.array([3.0, 3.0, 3.0, 3.0])) == pytest.approx(4)
    assert effective_rank(np.array([5.0, 0.0, 0.0])) == pytest.approx(1)
    assert stable_rank(np.array([2.0, 1.0])) == pytest.approx(1.25)
    assert math.isnan(effective_rank(np.zeros(3)))
    assert math.isnan(stable_rank(np.zeros(3)))
    assert math.isnan(stable_rank(np.zeros(0)))


@pytest.mark.parametrize("size", [1e-30, 1e-15, 1e20, 1e30])
def test_very_small_and_very_large_numbers_keep_their_norm(size: float) -> None:
    up = np.full((3, 2), size, dtype=np.float32)
    assert gram(up, is_up=True)[0, 0] == pytest.approx(3 * float(np.float32(size)) ** 2, rel=1e-5)
    up[1, 1] = np.nan
    assert not math.isfinite(float(gram(up, is_up=True).sum()))


def save(path: Path, modules: dict[str, tuple[Any, Any]], alpha: float = 4.0) -> Path:
    tensors: dict[str, Any] = {}
    for name, (up, down) in modules.items():
        tensors[f"{name}.lora_up.weight"], tensors[f"{name}.lora_down.weight"] = up, down
        tensors[f"{name}.alpha"] = np.array(alpha, np.float32)
    save_file(tensors, path)
    return path


def test_a_file_says_norms_and_ranks_of_each_group(tmp_path: Path) -> None:
    one = np.zeros((6, 4), np.float32)
    one[:, 0] = 1  # a single direction
    modules = {
        "lora_unet_a": matrices(1, 20, 4, 10),
        "lora_unet_b": (one, matrices(2, 6, 4, 10)[1]),
        "lora_unet_dead": (np.zeros((6, 4), np.float32), matrices(3, 6, 4, 10)[1]),
        "lora_te_a": matrices(4, 8, 4, 8),
    }
    found = read_checkpoint(save(tmp_path / "x.safetensors", modules), deep=True)
    unet = found.groups["unet"]
    assert (unet.modules, unet.dead, unet.rank) == (3, 1, 4)
    assert found.groups["te"].modules == 1
    assert unet.rms == pytest.approx(found.norms["unet"])
    norms = [float(np.linalg.norm(up.astype(float) @ down.astype(float))) for up, down in list(modules.values())[:3]]
    assert unet.mean_norm == pytest.approx(float(np.mean(norms)), rel=1e-5)
    assert unet.rank_shares[0] == pytest.approx(0.25, rel=1e-3)
    assert len(unet.rank_shares) == 11
    assert found.zero_up_count == 1


def test_a_group_of_dead_modules_has_no_rank(tmp_path: Path) -> None:
    dead = (np.zeros((6, 4), np.float32), matrices(3, 6, 4, 10)[1])
    unet = read_checkpoint(save(tmp_path / "x.safetensors", {"lora_unet_a": dead}), deep=True).groups["unet"]
    assert (unet.modules, unet.dead, unet.mean_norm, unet.spectral_norm, unet.rank_shares) == (1, 1, 0.0, 0.0, ())
    assert math.isnan(unet.effective_rank)
    assert math.isnan(unet.stable_rank)


def test_modules_with_numbers_that_are_not_finite_are_left_out(tmp_path: Path) -> None:
    bad = matrices(1, 20, 4, 10)
    bad[1][2, 3] = np.inf
    found = read_checkpoint(
        save(tmp_path / "x.safetensors", {"lora_unet_a": bad, "lora_unet_b": matrices(2, 20, 4, 10)}), deep=True
    )
    assert found.groups["unet"].modules == 1
    assert (found.nonfinite_count, found.norms) == (1, {})
    lost = read_checkpoint(save(tmp_path / "y.safetensors", {"lora_unet_a": bad}, alpha=math.nan), deep=True)
    assert (lost.groups, lost.nonfinite_count) == ({}, 2)


def test_spectra_of_a_large_file_are_taken_from_modules_spread_over_it() -> None:
    pairs = [pair(*matrices(seed, 12, 4, 10)) for seed in range(40)]
    everything, some = spectra.summarise(pairs, 1e8), spectra.summarise(pairs, 10 * 4**3)
    assert some.modules == 40
    assert some.mean_norm == everything.mean_norm
    assert some.effective_rank == pytest.approx(everything.effective_rank, rel=0.35)
    assert some.rank_shares != everything.rank_shares
    assert spectra.summarise(pairs, 0.0).effective_rank > 0


def test_half_precision_and_bfloat16_files_measure_alike(tmp_path: Path) -> None:
    up, down = matrices(7, 30, 8, 40)
    long = read_checkpoint(save(tmp_path / "a.safetensors", {"lora_unet_a": (up, down)}), deep=True).groups["unet"]
    halves = (up.astype(np.float16), down.astype(np.float16))
    short = read_checkpoint(save(tmp_path / "b.safetensors", {"lora_unet_a": halves}), deep=True).groups["unet"]
    assert short.mean_norm == pytest.approx(long.mean_norm, rel=1e-3)
    assert short.effective_rank == pytest.approx(long.effective_rank, rel=1e-2)
