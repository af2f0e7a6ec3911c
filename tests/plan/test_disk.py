"""What a run will write: the sums, part by part, and when the next save comes."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.backends.network_size import network_size
from orchestrator.core.text import same
from orchestrator.plan.disk import BALLAST_BYTES, disk_need, need_line, ways_to_save
from orchestrator.plan.network_size import Layer, NetworkSize, Ranks, tensors_of, usual_layers
from orchestrator.plan.optimizer_state import kept_by, optimizer_bytes
from orchestrator.plan.saves import network_file_bytes, saves_of, state_bytes
from tests.backends.plans import STEPS, make_plan, resolved

if TYPE_CHECKING:
    from orchestrator.plan.disk import DiskNeed, Part
    from orchestrator.plan.model import Plan


def network(rank: int = 16) -> NetworkSize:
    layers = usual_layers("sd15", with_unet=True, with_text=True)
    assert layers is not None
    return NetworkSize(tensors_of(layers, Ranks(rank)), same("counted"))


def part(need: DiskNeed, key: str) -> Part:
    (found,) = [p for p in need.parts if p.key == key]
    return found


def test_a_file_is_its_numbers_and_a_table() -> None:
    values = network().values
    for precision, each in (("float", 4), ("fp16", 2), ("bf16", 2), (None, 4)):
        size = network_file_bytes(make_plan(save_precision=precision), network())
        assert values * each < size < values * each + 140_000


@pytest.mark.parametrize(
    ("optimizer", "args", "each"),
    [
        ("AdamW", [], 8.0),
        ("", [], 8.0),
        ("AdamWScheduleFree", [], 8.0),
        ("Lion", [], 4.0),
        ("SGD", [], 0.0),
        ("SGD", ["momentum=0.9"], 4.0),
        ("SGDNesterov", [], 4.0),
        ("RMSprop", ["centered=True", "momentum=0.9"], 12.0),
        ("AdamW8bit", [], 2.03),
        ("somebody.else.Optimizer", [], 16.0),
    ],
)
def test_bytes_an_optimizer_keeps_for_a_number(optimizer: str, args: list[str], each: float) -> None:
    tensors = network().tensors
    trained = sum(t.values for t in tensors if t.is_trained)
    around = 1200 + kept_by(optimizer, args).storages * 225 * sum(t.is_trained for t in tensors)
    assert (optimizer_bytes(tensors, optimizer, args) - around) / trained == pytest.approx(each, abs=0.01)


def test_adafactor_keeps_a_number_for_each_row_and_column() -> None:
    layers = (Layer("a", "unet", 640, 320), Layer("b", "unet", 640, 320, (1, 1)))
    around = 1200 + 4 * 3 * 225
    linear, convolution = 4 * (16 + 320 + 640 + 16), 4 * (2 * 16 * 320 + 2 * 640 * 16)
    assert optimizer_bytes(tensors_of(layers, Ranks(16)), "AdaFactor") - around == linear + convolution


def test_8_bit_optimizers_keep_scales_of_large_tensors_only() -> None:
    small, large = (
        tensors_of((Layer("a", "unet", side, side),), Ranks(16)) for side in (128, 320)
    )  # 2048 and 5120 numbers
    assert (
        optimizer_bytes(small, "AdamW8bit") == optimizer_bytes(small, "PagedAdamW") == 1200 + 2 * (2 * 225 + 8 * 2048)
    )
    assert optimizer_bytes(large, "AdamW8bit") == 1200 + 2 * (4 * 225 + 2 * (5120 + 4 * 20))
    assert optimizer_bytes(large, "Lion8bit") == 1200 + 2 * (2 * 225 + 5120 + 4 * 20)


def test_prodigy_keeps_where_the_lower_halves_began() -> None:
    tensors = tensors_of((Layer("a", "unet", 1000, 1000),), Ranks(11))
    around = 1200 + 2 * 4 * 225
    whole, sliced = (optimizer_bytes(tensors, "Prodigy", args) - around for args in ([], ["slice_p=11"]))
    assert whole == 11_000 * (16 + 12)
    assert sliced == 11_000 * 16 + 1000 * (8 + 4)


def test_half_precision_training_halves_the_state() -> None:
    whole, half = (state_bytes(make_plan(full_bf16=on), network()) for on in (None, True))
    assert 0.49 < half / whole < 0.53


@pytest.mark.parametrize(
    ("train", "networks", "states"),
    [
        ({}, 4, 0),
        ({"save_state": True}, 4, 4),
        ({"save_state_on_train_end": True}, 4, 1),
        ({"save_every_n_epochs": 1, "save_every_n_steps": 20, "save_state": True}, 12, 12),
        ({"save_every_n_epochs": 1, "save_last_n_epochs": 2, "save_last_n_epochs_state": 1, "save_state": True}, 4, 3),
    ],
)
def test_files_and_states_of_the_trainers_own_options(train: dict[str, Any], networks: int, states: int) -> None:
    need = disk_need(make_plan(**train), network())
    assert part(need, "networks").files == networks
    assert [p.files // 7 for p in need.parts if p.key == "states"] == ([states] if states else [])


def test_a_pruned_history_of_states_has_one_more_while_it_is_written() -> None:
    plan = make_plan(save_every_n_epochs=1, save_state=True)
    assert part(disk_need(plan, network(), keep_states=2), "states").files == 3 * 7


def test_the_sum_holds_ballast_and_a_tenth_more() -> None:
    need = disk_need(make_plan(), network())
    rest = sum(p.size_bytes for p in need.parts if p.key != "reserve")
    assert part(need, "ballast").size_bytes == BALLAST_BYTES == 64 * 1024 * 1024
    assert need.size_bytes == rest + math.ceil(rest / 10)


def test_caches_are_counted_where_they_go_to_the_disk() -> None:
    plan = make_plan("flux", cache_latents_to_disk=True, cache_text_encoder_outputs_to_disk=True)
    caches = part(disk_need(plan, network()), "caches")
    assert caches.files == 4
    latents, texts = 512 * 512 // 64 * 16 * 4, 512 * 4096 * 4
    assert 2 * (latents + texts) < caches.size_bytes < 1.01 * 2 * (latents + texts)
    assert not [p for p in disk_need(make_plan("flux"), network()).parts if p.key == "caches"]


def test_an_unknown_size_is_said_and_leaves_the_files_out() -> None:
    size = NetworkSize((), same("nobody knows"), 0.0, math.inf)
    need = disk_need(make_plan(), size)
    assert not need.is_known
    assert {p.key for p in need.parts} == {"samples", "logs", "records", "ballast", "reserve"}
    assert "not known" in need_line(need).en
    assert "nobody knows" in need_line(need).en
    assert "未知" in need_line(need).zh


def test_an_estimate_says_its_range() -> None:
    size = NetworkSize(network().tensors, same("a guess"), 0.5, 2.0)
    told = need_line(disk_need(make_plan(), size)).en
    assert "a network file takes 18.1 MiB to 72.2 MiB: a guess" in told
    assert part(disk_need(make_plan(), size), "networks").size_bytes > 7.9 * network().values * 4


def test_the_next_save_and_its_size() -> None:
    saves = saves_of(make_plan(save_every_n_epochs=2, save_state=True), network())
    both = saves.network_bytes + saves.state_bytes
    assert saves.next_after(0) == (20, both)
    assert saves.next_after(20) == (40, both)
    assert saves.next_after(79) == (80, both)
    assert saves.next_after(80) is None


def test_what_can_be_changed_is_told_with_what_it_saves() -> None:
    plan: Plan = make_plan(save_every_n_epochs=1, save_state=True)
    need = disk_need(plan, network())
    ways = [way.en for way in ways_to_save(plan, need, 60 * 1024 * 1024)]
    assert ways[0].startswith("`save.save_state: false` saves ")
    assert ways[1].startswith("`save.checkpoints: 6` saves ")
    assert ways[2].startswith("`save.save_precision: fp16` saves ")
    assert ways_to_save(plan, need, 10**12) == ()


@pytest.mark.parametrize(
    ("optimizer", "words"),
    [("AdamW", None), ("AdamW8bit", None), ("Adamax", "not measured"), ("some.Optimizer", "not known; the most")],
)
def test_how_sure_the_size_of_a_state_is_is_told(optimizer: str, words: str | None) -> None:
    notes = disk_need(make_plan(optimizer_type=optimizer, save_state=True), network()).notes
    assert [words in note.en for note in notes if words] == ([] if words is None else [True])
    assert (notes == ()) == (words is None)


@pytest.mark.parametrize(
    "train",
    [
        {"save_every_n_epochs": 3},
        {"save_every_n_epochs": 1, "save_every_n_steps": 7, "save_state": True},
        {"save_every_n_epochs": 2, "save_every_n_steps": 20, "save_state_on_train_end": True},
        {"save_every_n_epochs": None, "save_n_epoch_ratio": 3},
        {"save_every_n_epochs": None, "save_every_n_steps": 100},
    ],
)
def test_saves_counted_and_walked_through_are_the_same(train: dict[str, Any]) -> None:
    saves = saves_of(make_plan(**train), network())
    for start in (0, 1, 19, 20, 21, 79, 80):
        step, total = start, 0
        while (coming := saves.next_after(step)) is not None:
            step, size = coming
            assert step > start
            total += size
        expected = saves.networks_after(start) * saves.network_bytes + saves.states_after(start) * saves.state_bytes
        assert total == expected
    assert saves.networks_after(0) == saves.networks_left
    assert saves.states_after(0) == saves.states_left


def test_a_billion_saves_are_counted_at_once() -> None:
    steps = replace(STEPS, epochs=10**8, total_steps=10**9)
    plan = make_plan(plan={"steps": steps}, save_every_n_epochs=1, save_every_n_steps=1, save_state=True)
    saves = saves_of(plan, network())
    assert saves.networks_after(0) == 10**9 + 10**8
    assert saves.next_after(0) == (1, saves.network_bytes + saves.state_bytes)
    assert disk_need(plan, network(), keep_states=2).size_bytes > 10**16


def test_what_is_there_already_is_not_asked_for_again() -> None:
    plan = make_plan(save_every_n_epochs=1, save_state=True)
    need = disk_need(plan, network(), keep_states=2, after_step=70)
    assert part(need, "networks").files == 1
    assert part(need, "states").files == 7


def test_without_hard_links_network_files_are_counted_twice_and_ways_once() -> None:
    plan = make_plan(save_every_n_epochs=1)
    need, twice = disk_need(plan, network()), disk_need(plan, network(), copies=2)
    once, both = part(need, "networks"), part(twice, "networks")
    assert (both.size_bytes, both.files) == (2 * once.size_bytes, 2 * once.files)
    assert "no hard links" in need_line(twice).en
    assert "硬链接" in need_line(twice).zh
    told = ways_to_save(plan, twice, both.size_bytes // once.files)[0]
    assert told.en.startswith(f"`save.checkpoints: {once.files - 1}` saves")


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 10**12), st.floats(), st.text(max_size=6), st.lists(st.text(max_size=8), max_size=3),
    st.sampled_from([["conv_dim=" + "9" * 5000], ["slice_p=1e999", 3], ["block_dims=[1,2,x]"], "lycoris.kohya", "Prodigy", 2**70]),
)  # fmt: skip
READ = (
    "network_dim", "network_module", "network_args", "learning_rate", "unet_lr", "text_encoder_lr", "clip_skip", "save_precision",
    "save_every_n_epochs", "save_every_n_steps", "save_n_epoch_ratio", "save_last_n_epochs", "save_last_n_steps", "save_state",
    "optimizer_type", "optimizer_args", "sample_every_n_epochs", "cache_latents_to_disk", "full_bf16", "network_train_unet_only",
    "pretrained_model_name_or_path",
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(st.sampled_from(READ), JUNK, max_size=6), st.sampled_from(["sd15", "sdxl", "flux", "sd3", "pocket"])
)
def test_values_that_the_compiler_refuses_are_survived(values: dict[str, Any], family: str) -> None:
    plan = make_plan(family)
    plan = replace(plan, train={**plan.train, **{name: resolved(name, value) for name, value in values.items()}})
    need = disk_need(plan, network_size(plan), keep_states=2)
    assert need.size_bytes >= BALLAST_BYTES
    assert need_line(need).en
