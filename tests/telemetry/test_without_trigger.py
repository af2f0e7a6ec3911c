"""The probe without the trigger: what becomes of the captions, and that the training does not feel it."""

from __future__ import annotations

import contextlib
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch

from orchestrator.telemetry.captions import OUTPUTS, TOKENS, without_trigger, without_word
from orchestrator.telemetry.probe_batches import NotPossible, fixed_item
from tests.telemetry import toy
from tests.telemetry.runs import train

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.telemetry.hooks import Hooks


@pytest.fixture(autouse=True)
def unwrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(toy.Accelerator, "clip_grad_norm_", toy.Accelerator.clip_grad_norm_)
    monkeypatch.setattr(toy.Dataset, "__getitem__", toy.Dataset.__getitem__)


@pytest.mark.parametrize(
    ("caption", "left"),
    [
        ("zorvex, red, tall", "red, tall"),
        ("red, Zorvex, tall", "red, tall"),
        ("red, tall, zorvex", "red, tall"),
        ("zorvex", ""),
        ("zorvex, zorvex, red", "red"),
        ("zorvex figure, red", "figure, red"),
        ("a photo of zorvex", "a photo of"),
        ("a photo of zorvex, red", "a photo of, red"),
        ("a zorvex figure", "a figure"),
        ("(zorvex:1.2), red", "red"),
        ("red, [zorvex]", "red"),
        ("(zorvex, red:1.1)", "(red:1.1)"),
        ("红色，zorvex，高", "红色，高"),
        ("zorvexes, zorvex_man, prezorvex", "zorvexes, zorvex_man, prezorvex"),
        ("red,tall", "red,tall"),
    ],
)
def test_the_word_is_taken_out_with_its_comma(caption: str, left: str) -> None:
    assert without_word(caption, "zorvex") == left


def test_a_trigger_of_several_words_or_signs_is_one_word() -> None:
    assert without_word("red, ohwx  man, tall", "ohwx man") == "red, tall"
    assert without_word("my man, tall", "ohwx man") == "my man, tall"
    assert without_word("a.b (c), red, axb (c)", "a.b (c)") == "red, axb (c)"


@pytest.mark.parametrize("text", ["ids", "outputs", "captions"])
def test_the_last_probe_lacks_the_trigger(tmp_path: Path, text: str) -> None:
    plain = train(None, text=text)
    run = train(tmp_path, trigger="square", text=text)
    assert run.losses == plain.losses
    assert torch.equal(run.weights, plain.weights)
    assert run.next_random == plain.next_random
    assert not run.of("note")
    probes = run.of("p")
    assert [(line["n"], line["on"], line["when"]) for line in probes[-3:]] == [
        (16, True, "end"), (16, False, "end"), (16, True, "no-trigger"),
    ]  # fmt: skip
    whole, without = probes[-3], probes[-1]
    names = {line["i"]: line["name"] for line in run.of("pic")}
    shown = sorted(names[index] for index in without["i"])
    # Captions alternate; of the five training pictures the first four of the probe are 0, 1, 3, 4 or 0, 2, 3, 4.
    assert shown == sorted(names[i] for i in whole["i"] if int(names[i][-7:-4]) % 2 == 0)
    for index, losses, targets in zip(without["i"], without["l"], without["g"], strict=True):
        place = whole["i"].index(index)
        assert targets == whole["g"][place]
        assert all(one != other for one, other in zip(losses, whole["l"][place], strict=True))


def _batch(text: str) -> dict[str, Any]:
    """Three pictures, without dropout or shuffling."""
    dataset = toy.Dataset("/data/2_thing", 5, is_cached=True, text=text)
    return fixed_item(dataset, 1, ["/data/2_thing/000.png", "/data/2_thing/001.png", "/data/2_thing/004.png"])


def _call(**changes: Any) -> dict[str, Any]:
    encoding = toy.Encoding()
    encoding.t5_dropout_rate = 0.0
    return {
        "args": toy.arguments(), "accelerator": SimpleNamespace(autocast=contextlib.nullcontext),
        "tokenize_strategy": toy.Tokenizing(), "text_encoding_strategy": encoding,
        "text_encoders": [torch.nn.Identity()], "train_text_encoder": False,
    } | changes  # fmt: skip


@pytest.mark.parametrize("text", ["ids", "outputs", "captions"])
def test_the_batch_is_what_the_dataset_makes_of_captions_that_lack_the_word(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    before = _batch(text)
    found, changed = without_trigger(before, "square", toy.NetworkTrainer(), _call())
    monkeypatch.setattr(toy, "CAPTIONS", ("red, flat", "blue, circle, round"))
    wanted = _batch(text)
    assert changed == [0, 2]
    assert found["captions"] == wanted["captions"] != before["captions"]
    for key in (TOKENS, OUTPUTS):
        assert (found[key] is None) == (wanted[key] is None) == (before[key] is None)
        for one, other in zip(found[key] or [], wanted[key] or [], strict=True):
            assert torch.equal(one, other)


def test_a_batch_without_the_word_is_left_alone() -> None:
    before = _batch("ids")
    found, changed = without_trigger(before, "zorvex", toy.NetworkTrainer(), _call())
    assert found is before
    assert not changed


def _shifted(batch: dict[str, Any], key: str) -> dict[str, Any]:
    return {**batch, key: [one + 1 for one in batch[key]]}


@pytest.mark.parametrize(
    ("batch", "changes", "reason"),
    [
        (_shifted(_batch("ids"), TOKENS), {}, "not those of its captions"),
        (_shifted(_batch("outputs"), OUTPUTS), {}, "do not give the cached outputs again"),
        (_batch("outputs"), {"text_encoders": []}, "were freed"),
        (_batch("outputs"), {"train_text_encoder": True}, "is trained while outputs of another are cached"),
        ({**_batch("ids"), "captions": [["red", "square"]]}, {}, "not plain text"),
    ],
)
def test_text_that_cannot_be_made_anew_is_refused(batch: dict[str, Any], changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(NotPossible, match=reason):
        without_trigger(batch, "square", toy.NetworkTrainer(), _call(**changes))


def test_an_error_in_it_leaves_the_other_probes_and_the_training_alone(tmp_path: Path) -> None:
    def break_it(hooks: Hooks) -> None:
        def fail(*_: Any) -> None:
            raise RuntimeError("out of memory")

        hooks.probe._batches_without = fail  # type: ignore[assignment,method-assign]

    plain = train(None, text="ids")
    run = train(tmp_path, trigger="square", text="ids", change=break_it)
    assert run.next_random == plain.next_random
    assert [line["text"] for line in run.of("note")] == [
        "no-trigger-probe is off after step 16: RuntimeError: out of memory"
    ]
    assert [line["when"] for line in run.of("p")][-2:] == ["end", "end"]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"trigger": "zorvex", "text": "ids"}, "no caption of the probe holds the trigger"),
        ({"trigger": "square", "text": "outputs", "has_text_encoders": False}, "the text encoders were freed"),
    ],
)
def test_what_cannot_be_probed_without_the_trigger_is_noted_once(
    tmp_path: Path, changes: dict[str, Any], reason: str
) -> None:
    run = train(tmp_path, **changes)
    assert [line["what"] for line in run.of("note")] == ["no-trigger-probe"]
    assert reason in run.of("note")[0]["text"]
    assert [line["when"] for line in run.of("p")][-2:] == ["end", "end"]
