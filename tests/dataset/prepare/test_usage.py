"""Options that would have no effect are refused before a picture is opened."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import pytest

from orchestrator.cli_dataset_new import prepare

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--batch", "2"], "--batch needs --fit"),
        (["--kind", "person"], "--kind needs --fit crop"),
        (["--resolution", "512"], "--resolution needs --fit"),
        (["--pad-colour", "white", "--fit", "crop"], "--pad-colour needs --fit pad"),
        (["--tiles", "512", "--fit", "crop"], "two ways to cut"),
        (["--layout", "flat", "--balance"], "--balance needs --layout repeats"),
    ],
)
def test_options_without_effect_are_refused(options: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match=said):
        prepare.main(["nowhere", "-o", str(tmp_path / "new"), *options], standalone_mode=False)
    assert list(tmp_path.iterdir()) == []
