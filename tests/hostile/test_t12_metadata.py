"""What a published LoRA says about its maker: neutral folder names, file names without folders, nothing of the machine.

The trainer writes folder names, file names and comments into the file's metadata. What it is told is looked at here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import toml

from tests.hostile.files import tensors
from tests.hostile.trying import look

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., Path]

BARE = {"pretrained_model_name_or_path", "vae", "network_weights"}
"""Of these the trainer writes the bare file name."""
RELIABILITY = {
    "T12": "what is compiled names no folder of the user but of model files, of which the trainer writes the bare name"
}


def test_no_folder_of_the_user_is_in_what_the_metadata_is_made_of(recipe: Write, images: Path, tmp_path: Path) -> None:
    private = tmp_path / "wangwei" / "client ACME"
    private.mkdir(parents=True)
    images.rename(private / "shots")
    (private / "vae.safetensors").write_bytes(tensors())
    path = recipe(
        concepts=[{"image_dir": str(private / "shots")}], base_model={"vae": str(private / "vae.safetensors")}
    )
    build, problems = look(path)
    assert problems == ()
    assert build is not None
    told = toml.loads(build.files["train.toml"])
    assert {key for key, value in told.items() if str(tmp_path) in str(value)} == BARE - {"network_weights"}
    others = {name: text for name, text in build.files.items() if name != "train.toml"}
    assert not [name for name, text in others.items() if "wangwei" in text or "ACME" in text or str(tmp_path) in text]
    assert "data/" in build.files["dataset.toml"]
