"""The lists of what pocket implements."""

from __future__ import annotations

import subprocess
import sys

from orchestrator.backends.pocket.options import DATASET_OPTIONS, OPTIONS
from orchestrator.backends.pocket.trainer.arguments import type_problem


def test_the_lists_need_nothing_but_the_standard_library() -> None:
    code = (
        "import sys, orchestrator.backends.pocket.options;"
        "print([m for m in ('torch', 'numpy', 'diffusers', 'toml', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_default_has_its_own_type_and_choice() -> None:
    for name, option in OPTIONS.items():
        if option.default is not None:
            assert type_problem(name, option.default, option.kind) == ""
            assert not option.choices or option.default in option.choices, name


def test_every_fallback_of_a_dataset_key_is_a_training_key() -> None:
    for name, option in DATASET_OPTIONS.items():
        assert not option.argument or option.argument in OPTIONS, name
        assert option.levels, name
