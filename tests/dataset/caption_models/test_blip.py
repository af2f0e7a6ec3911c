"""Sentences come out of a pair of ONNX models as they come out of the model itself."""

from __future__ import annotations

import json
import math
import runpy
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from orchestrator.core.errors import InputError
from orchestrator.dataset.caption_models.beams import Search, find_sentences
from orchestrator.dataset.caption_models.blip import FILES, SentenceOptions, open_blip
from orchestrator.dataset.caption_models.caption import CaptionOptions, caption_folder
from orchestrator.dataset.caption_models.wordpiece import to_text
from orchestrator.dataset.scan import scan_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Make = Callable[..., Path]

SCRIPT = Path(__file__).parents[3] / "scripts" / "export_blip.py"
WORDS = ("[PAD]", "a", "red", "blue", "picture", "[SEP]", "##s", ".", "of", "sky")
BEGIN, END = 10, 5


def blip_files(folder: Path, save: Callable[..., None]) -> Path:
    """Write a pair that says `a red pictures.` or `a blue pictures.`: the next piece by the last one, the colour from the picture."""
    onnx = pytest.importorskip("onnx")
    make, value, kind = onnx.helper.make_node, onnx.helper.make_tensor_value_info, onnx.TensorProto
    folder.mkdir()
    follows = np.full((12, 12), -9.0, np.float32)
    for one, two in ((BEGIN, 1), (1, 2), (1, 3), (2, 4), (3, 4), (4, 6), (6, 7), (7, END)):
        follows[one, two] = 4.0
    colour = np.zeros((3, 12), np.float32)
    colour[0, 2], colour[2, 3] = 3.0, 3.0
    save(
        folder / "vision_model.onnx",
        [
            make("ReduceMean", ["pixel_values"], ["mean"], axes=[2, 3], keepdims=0),
            make("Unsqueeze", ["mean", "one"], ["hidden"]),
        ],
        [value("pixel_values", kind.FLOAT, ["n", 3, 16, 16])],
        [value("hidden", kind.FLOAT, ["n", 1, 3])],
        {"one": np.array([1])},
    )
    save(
        folder / "text_decoder_model.onnx",
        [
            make("Gather", ["follows", "input_ids"], ["next"]),
            make("MatMul", ["encoder_hidden_states", "colour"], ["seen"]),
            make("Add", ["next", "seen"], ["logits"]),
        ],
        [value("input_ids", kind.INT64, ["n", "t"]), value("encoder_hidden_states", kind.FLOAT, ["n", 1, 3])],
        [value("logits", kind.FLOAT, ["n", "t", 12])],
        {"follows": follows, "colour": colour},
    )
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    (folder / "config.json").write_text(json.dumps({"text_config": {"bos_token_id": BEGIN, "sep_token_id": END}}))
    (folder / "preprocessor_config.json").write_text(json.dumps({"image_mean": [0.5] * 3, "image_std": [0.5] * 3}))
    return folder


@pytest.fixture
def folder(tmp_path: Path, save: Callable[..., None]) -> Path:
    return blip_files(tmp_path / "blip", save)


def test_sentences_for_a_folder(tmp_path: Path, folder: Path, paint: Make) -> None:
    paint("r.png", "red")
    paint("b.png", "blue")
    options = CaptionOptions(kind="blip", model=str(folder), trigger="ohwx")
    result = caption_folder(scan_folder(tmp_path / "pictures"), options)
    assert (tmp_path / "pictures/r.txt").read_text() == "ohwx, a red pictures.\n"
    assert (tmp_path / "pictures/b.txt").read_text() == "ohwx, a blue pictures.\n"
    assert result.model == "blip"


@pytest.mark.parametrize("beams", [1, 3])
def test_lengths_are_kept(folder: Path, paint: Make, beams: int) -> None:
    short = open_blip(folder, SentenceOptions(beams=beams, max_length=4))
    assert short.describe([short.see(paint("r.png", "red"))])[0].pieces == ("a red picture",)
    long = open_blip(folder, SentenceOptions(beams=beams, min_length=9, max_length=12))
    assert len(long.describe([long.see(paint("r.png", "red"))])[0].pieces[0]) > len("a red pictures.")


def test_pieces_to_text() -> None:
    assert to_text([10, 1, 2, 4, 6, 7, 5], WORDS) == "a red pictures."
    words = ("it", "'", "s", "do", "n't", ",", "##x", "[unused1]")
    assert to_text([0, 1, 2, 5, 3, 4, 7], words) == "it's, don't"
    assert to_text([6, 99], words) == "x"


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("width", [5, 7])
def test_wide_enough_beams_find_the_best_sentence_there_is(seed: int, width: int) -> None:
    """Against all sentences, counted out: a beam as wide as there are beginnings misses none."""
    pieces, begin, end, length = width, 0, 1, 5
    table = np.random.default_rng(seed).normal(0, 2, (length, pieces, pieces)).astype(np.float32)

    def step(rows: Any, _about: Sequence[int]) -> Any:
        return np.array([table[len(row) - 1, row[-1]] for row in rows], np.float32)

    best: tuple[float, list[int]] = (-math.inf, [])
    open_ones: list[tuple[list[int], float]] = [([begin], 0.0)]
    for at in range(1, length):
        grown = []
        for row, total in open_ones:
            logits = table[at - 1, row[-1]].astype(np.float64)
            chances = logits - np.log(np.exp(logits).sum())
            for piece in range(pieces):
                one = ([*row, piece], total + float(chances[piece]))
                if piece != end:
                    grown.append(one)
                if piece == end or at == length - 1:
                    best = max(best, (one[1] / (len(one[0]) - 1), one[0]))
        open_ones = grown
    search = Search(begin, end, beams=pieces**3, min_length=0, max_length=length)
    assert find_sentences(step, 1, search) == [[piece for piece in best[1][1:] if piece != end]]


def test_a_model_must_be_named() -> None:
    with pytest.raises(InputError) as caught:
        open_blip(None)
    assert "export_blip.py" in str(caught.value.problems[0].fix)
    assert SCRIPT.is_file()


@pytest.mark.parametrize("name", FILES)
def test_each_file_is_needed_and_checked(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"\xff\xfe" if name == "vocab.txt" else b"[]")
    with pytest.raises(InputError):
        open_blip(folder)
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"lacks `{name}`"):
        open_blip(folder)


def test_vocabulary_must_fit_the_outputs(folder: Path) -> None:
    (folder / "vocab.txt").write_text("\n".join([*WORDS, "x", "y", "z"]) + "\n")
    with pytest.raises(InputError, match="13 word pieces"):
        open_blip(folder)


@pytest.mark.slow
def test_export_says_what_transformers_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real architecture with random weights, through the script, against its own `generate`."""
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model, source = _random_blip(torch, transformers, tmp_path / "random")
        exported = tmp_path / "exported"
        monkeypatch.setattr(sys, "argv", [str(SCRIPT), str(source), "-o", str(exported)])
        runpy.run_path(str(SCRIPT), run_name="__main__")
        rng = np.random.default_rng(1)
        paths = [tmp_path / f"{number}.png" for number in range(6)]
        for path in paths:
            Image.fromarray(rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)).save(path)
        for beams in (1, 3):
            captioner = open_blip(exported, SentenceOptions(beams=beams, min_length=5, max_length=16))
            seen = [captioner.see(path) for path in paths]
            ours = [one.pieces[0] if one.pieces else "" for one in captioner.describe(seen)]
            with torch.no_grad():
                rows = [
                    model.generate(
                        pixel_values=torch.from_numpy(one[None]), num_beams=beams, min_length=5, max_length=16
                    )[0].tolist()
                    for one in seen
                ]
            theirs = [
                to_text([piece for piece in row[1:] if piece not in {0, END}], captioner.vocabulary) for row in rows
            ]
            assert ours == theirs
            assert len(set(ours)) > 1


def _random_blip(torch: Any, transformers: Any, folder: Path) -> tuple[Any, Path]:
    torch.manual_seed(3)
    small = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = transformers.BlipConfig(
        text_config={
            **small, "vocab_size": 60, "encoder_hidden_size": 32, "max_position_embeddings": 64, "initializer_range": 1.0,
            "bos_token_id": 58, "eos_token_id": 2, "pad_token_id": 0, "sep_token_id": END,
        },
        vision_config={**small, "image_size": 32, "patch_size": 8, "initializer_range": 0.5},
        projection_dim=32,
    )  # fmt: skip
    model = transformers.BlipForConditionalGeneration(config).eval()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.4)
    model.save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(["[PAD]", *(f"w{k}" for k in range(1, 58))]) + "\n")
    view = {"image_mean": [0.48, 0.46, 0.41], "image_std": [0.27, 0.26, 0.28], "size": {"height": 32, "width": 32}}
    (folder / "preprocessor_config.json").write_text(json.dumps(view))
    return model, folder
