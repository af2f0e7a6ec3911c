"""Export a BLIP captioner as the ONNX pair that `lora-run dataset caption --with blip` reads. Run it in an environment with torch,
transformers and onnx: the trainer's, after `pip install onnx`.

usage: export_blip.py MODEL -o FOLDER [--revision REVISION]

MODEL is a folder or a name on the Hugging Face Hub. Only safetensors are loaded, never a pickle.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

COPIED = ("config.json", "preprocessor_config.json", "vocab.txt")
OPSET = 17


def main() -> None:
    """Load, export both halves, put the model's own small files beside them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="folder or name on the Hub")
    parser.add_argument("-o", "--output", type=Path, required=True, help="new folder")
    parser.add_argument("--revision", default="main", help="tag or commit on the Hub")
    asked = parser.parse_args()
    if asked.output.exists() and any(asked.output.iterdir()):
        parser.error(f"{asked.output} is not empty")
    from transformers import BlipForConditionalGeneration

    model = BlipForConditionalGeneration.from_pretrained(
        asked.model, revision=asked.revision, use_safetensors=True, attn_implementation="eager"
    ).eval()
    asked.output.mkdir(parents=True, exist_ok=True)
    export(model, asked.output)
    for name in COPIED:
        shutil.copyfile(own_file(asked.model, asked.revision, name), asked.output / name)
    print(f"{asked.output}: {', '.join(sorted(path.name for path in asked.output.iterdir()))}")


def own_file(model: str, revision: str, name: str) -> Path:
    """Return a small file of the model, from its folder or the Hub."""
    if Path(model).is_dir():
        return Path(model) / name
    from huggingface_hub import hf_hub_download

    return Path(hf_hub_download(model, name, revision=revision))


def export(model: Any, folder: Path) -> None:
    """Write `vision_model.onnx` and `text_decoder_model.onnx`, any number of pictures and any length of text."""
    import torch

    class Vision(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model.vision_model

        def forward(self, pixel_values: Any) -> Any:
            return self.inner(pixel_values=pixel_values, return_dict=False)[0]

    class Text(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model.text_decoder

        def forward(self, input_ids: Any, attention_mask: Any, hidden: Any) -> Any:
            return self.inner(
                input_ids=input_ids,
                attention_mask=attention_mask,
                encoder_hidden_states=hidden,
                use_cache=False,
                return_dict=False,
            )[0]

    side = model.config.vision_config.image_size
    pixels = torch.zeros(2, 3, side, side)
    pieces = torch.ones(2, 5, dtype=torch.int64)
    with torch.no_grad():
        hidden = Vision()(pixels)
        torch.onnx.export(
            Vision(), (pixels,), str(folder / "vision_model.onnx"), dynamo=False, opset_version=OPSET,
            input_names=["pixel_values"], output_names=["last_hidden_state"],
            dynamic_axes={"pixel_values": {0: "batch"}, "last_hidden_state": {0: "batch"}},
        )  # fmt: skip
        text = {0: "batch", 1: "length"}
        torch.onnx.export(
            Text(), (pieces, torch.ones_like(pieces), hidden), str(folder / "text_decoder_model.onnx"), dynamo=False, opset_version=OPSET,
            input_names=["input_ids", "attention_mask", "encoder_hidden_states"], output_names=["logits"],
            dynamic_axes={"input_ids": text, "attention_mask": text, "encoder_hidden_states": {0: "batch"}, "logits": text},
        )  # fmt: skip


if __name__ == "__main__":
    main()
