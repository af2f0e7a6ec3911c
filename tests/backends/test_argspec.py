"""Options are read from the trainer's source without importing it, stored, loaded and compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from orchestrator.backends.argspec import (
    ENTRIES,
    SHIPPED_FOLDER,
    Option,
    differences,
    extract_options,
    load_network_args,
    load_options,
    main,
    options_text,
    read_commit,
    read_options,
    save_options,
)
from orchestrator.backends.network_args import read_network_args
from orchestrator.backends.option_values import value_problem
from orchestrator.backends.parser_source import UnreadableParserError
from orchestrator.core.errors import EnvironmentFault
from tests.backends.plans import PIN

ENTRY = """
import argparse
from library import train_util
import library.more as more
from library.names import SAMPLERS

def setup_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser()
    train_util.add_training_arguments(parser, support_dreambooth=True)
    more.add_more(parser)
    parser.add_argument("--sampler", choices=SAMPLERS + ["extra"], default="ddim", help=f"one of {SAMPLERS}")
    return parser
"""
TRAIN_UTIL = '''
import torch  # never imported
from pathlib import Path
import pathlib

def add_training_arguments(parser, support_dreambooth: bool, support_other=False):
    """Adds."""
    def int_or_float(value):
        return float(value)

    group = parser.add_argument_group("training")
    group.add_argument("-n", "--num-things", type=int, default=-1)
    group.add_argument("--lr", type=int_or_float, default=0)
    group.add_argument("--many", type=str, nargs="*")
    group.add_argument("--file", type=Path, default=None)
    group.add_argument("--flag", action="store_true")
    group.add_argument("--level", type=int, choices=[None, 1, 2])
    if support_dreambooth:
        parser.add_argument("--prior", type=float, default=1.0)
    if support_other:
        parser.add_argument("--other", type=float)
    else:
        parser.set_defaults(num_things=3)
'''
MORE = """
def add_more(parser):
    pass
"""
NAMES = """
SAMPLERS = ["ddim", "euler"]
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A trainer in small, whose library cannot be imported here."""
    (tmp_path / "library").mkdir()
    (tmp_path / "train_network.py").write_text(ENTRY)
    for name, text in (("train_util", TRAIN_UTIL), ("more", MORE), ("names", NAMES)):
        (tmp_path / "library" / f"{name}.py").write_text(text)
    return tmp_path


def test_follows_imports_parameters_and_expressions(checkout: Path) -> None:
    options = read_options(checkout, "train_network")
    plain = {name: (o.kind, o.default, o.choices, o.nargs) for name, o in options.items()}
    assert plain == {
        "num_things": ("int", 3, None, None),
        "lr": ("int_or_float", 0, None, None),
        "many": ("str", None, None, "*"),
        "file": ("path", None, None, None),
        "flag": ("flag", False, None, None),
        "level": ("int", None, (None, 1, 2), None),
        "prior": ("float", 1.0, None, None),
        "sampler": ("str", "ddim", ("ddim", "euler", "extra"), None),
    }
    assert options["prior"].source == "library/train_util.py:19"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ('    parser.add_argument("--x", default=open("secret"))', "unknown name open"),
        ('    parser.add_argument("--x", default=UNKNOWN)', "unknown name UNKNOWN"),
        ('    parser.add_argument("--x", action="append")', "action append"),
        ('    parser.add_argument("--x", frobnicate=1)', "keyword frobnicate"),
        ('    parser.surprise("--x")', "parser.surprise()"),
        ('    for x in range(3): parser.add_argument("--" + str(x))', "For statement"),
    ],
)
def test_says_where_it_does_not_understand(checkout: Path, line: str, said: str) -> None:
    (checkout / "library" / "more.py").write_text(f"def add_more(parser):\n{line}\n")
    with pytest.raises(UnreadableParserError, match=r"library/more\.py:2") as caught:
        read_options(checkout, "train_network")
    assert said in str(caught.value)


def test_a_missing_module_is_told(checkout: Path) -> None:
    (checkout / "library" / "train_util.py").unlink()
    with pytest.raises(UnreadableParserError):
        read_options(checkout, "train_network")


def test_stored_options_come_back_equal(checkout: Path, tmp_path: Path) -> None:
    path = save_options(checkout, "a" * 40, tmp_path / "stored")
    assert path.name == "a" * 40 + ".json"
    assert load_options("a" * 40, "train_network", path.parent) == read_options(checkout, "train_network")


def test_options_of_an_installed_checkout_come_first(checkout: Path, tmp_path: Path) -> None:
    save_options(checkout, PIN, tmp_path / "stored")
    assert "prior" in load_options(PIN, "train_network", tmp_path / "stored")
    assert "prior" not in load_options(PIN, "train_network")


def test_an_unknown_commit_or_entry_is_an_error_with_a_fix(checkout: Path, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        load_options("b" * 40, "train_network")
    assert caught.value.problems[0].fix is not None
    save_options(checkout, "c" * 40, tmp_path)
    with pytest.raises(EnvironmentFault, match=r"has no flux_train_network\.py"):
        load_options("c" * 40, "flux_train_network", tmp_path)


def test_differences_are_named(checkout: Path) -> None:
    old = extract_options(checkout)
    text = (checkout / "library" / "train_util.py").read_text()
    text = text.replace('"--flag"', '"--new_flag"').replace("default=1.0", "default=2.0")
    (checkout / "library" / "train_util.py").write_text("# one line more\n" + text)
    found = differences(old, extract_options(checkout))
    assert [(d.name, d.change) for d in found] == [("flag", "removed"), ("new_flag", "added"), ("prior", "changed")]
    assert found[2].text.en == "train_network: prior changed: default 1.0 -> 2.0"
    assert differences(old, old) == ()


@pytest.mark.parametrize(
    ("option", "value", "is_fine"),
    [
        (Option("a", "int"), 3, True),
        (Option("a", "int"), 3.0, False),
        (Option("a", "int"), True, False),
        (Option("a", "int"), "3", False),
        (Option("a", "float"), 3, True),
        (Option("a", "float"), 1e-4, True),
        (Option("a", "float"), float("nan"), False),
        (Option("a", "float"), "1e-4", False),
        (Option("a", "int_or_float"), 100, True),
        (Option("a", "int_or_float"), 0.05, True),
        (Option("a", "int_or_float"), 1.0, False),
        (Option("a", "int_or_float"), "5%", False),
        (Option("a", "flag"), True, True),
        (Option("a", "flag"), 1, False),
        (Option("a", "str", choices=(None, "fp16")), "fp16", True),
        (Option("a", "str", choices=(None, "fp16")), "float16", False),
        (Option("a", "int", choices=(0, 1)), True, False),
        (Option("a", "str", nargs="*"), ["k=v"], True),
        (Option("a", "str", nargs="*"), "k=v", False),
        (Option("a", "str", nargs="*"), ["k", 1], False),
        (Option("a", "float", nargs="*"), 1e-4, True),
        (Option("a", "float", nargs="*"), [1e-4, 1e-5], True),
        (Option("a", "float", nargs="*"), "1e-4", False),
    ],
)
def test_values_are_held_to_type_and_choices(option: Option, value: Any, is_fine: bool) -> None:
    assert (value_problem(option, value) is None) is is_fine


def test_shipped_options_are_whole_and_load_fast() -> None:
    began = time.perf_counter()
    counts = {entry: len(load_options(PIN, entry)) for entry in ENTRIES}
    assert time.perf_counter() - began < 0.5
    assert counts == dict(zip(ENTRIES, (193, 196, 218, 215, 213, 214, 220), strict=True))
    assert load_options(PIN, "train_network")["learning_rate"].default == 2e-6


def test_arguments_of_network_modules_are_read(checkout: Path, tmp_path: Path) -> None:
    networks = checkout / "networks"
    networks.mkdir()
    (networks / "lora.py").write_text(
        "def create_network(dim, **kwargs):\n    a = kwargs.get('conv_dim', None)\n    helper(kwargs)\n"
        "def helper(nw_kwargs):\n    if 'unit' in nw_kwargs:\n        return nw_kwargs['alpha']\n    return other.get('no')\n"
    )
    (networks / "tool.py").write_text("def create(**kwargs):\n    return kwargs.get('nothing')\n")
    (networks / "broken.py").write_text("def create_network(:\n")
    save_options(checkout, "d" * 40, tmp_path / "stored")
    assert load_network_args("d" * 40, tmp_path / "stored") == {"networks.lora": {"conv_dim", "unit", "alpha"}}


def test_commit_is_read_without_git(tmp_path: Path) -> None:
    git = tmp_path / ".git"
    git.mkdir()
    (git / "HEAD").write_text("d" * 40 + "\n")
    assert read_commit(tmp_path) == "d" * 40
    (git / "HEAD").write_text("ref: refs/heads/main\n")
    (git / "packed-refs").write_text("# pack-refs\n" + "e" * 40 + " refs/heads/main\n")
    assert read_commit(tmp_path) == "e" * 40
    (git / "refs" / "heads").mkdir(parents=True)
    (git / "refs" / "heads" / "main").write_text("f" * 40)
    assert read_commit(tmp_path) == "f" * 40
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / ".git").write_text(f"gitdir: {git}\n")
    assert read_commit(linked) == "f" * 40
    with pytest.raises(EnvironmentFault):
        read_commit(tmp_path / "nowhere")


def test_the_command_wants_a_checkout(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "usage" in capsys.readouterr().err


def test_compiling_needs_no_heavy_package() -> None:
    code = (
        "import sys, orchestrator.backends.registry\n"
        "print([m for m in ('torch', 'numpy', 'accelerate', 'git', 'tensorboard', 'pydantic') if m in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def rig_folder() -> Path:
    """The trainer's environment, or a skip that says why."""
    named = os.environ.get("LORA_RIG")
    if not named:
        pytest.skip("LORA_RIG does not name an installed sd-scripts")
    folder = Path(named)
    folder = folder.parent if folder.is_file() else folder
    if not (folder / "parsers.json").is_file():
        pytest.skip(f"{folder} holds no parsers.json (the real parsers' options)")
    return folder


@pytest.mark.rig
def test_options_equal_the_real_parsers() -> None:
    """Name, order, type, default, choices and nargs of all options, as argparse itself holds them."""
    record = json.loads((rig_folder() / "parsers.json").read_text(encoding="utf-8"))
    kinds = {"library.train_util.int_or_float": "int_or_float", "pathlib.Path": "path", None: "str"}
    for entry in ENTRIES:
        ours = load_options(record["commit"], entry)
        real = [o for o in record["entries"][entry]["options"] if o["dest"] != "help"]
        assert list(ours) == [o["dest"] for o in real]
        for o in real:
            kind: Any = "flag" if o["action"] == "store_true" else kinds.get(o["type"], o["type"])
            choices = None if o["choices"] is None else tuple(o["choices"])
            nargs = None if kind == "flag" else o["nargs"]
            expected = Option(o["dest"], kind, o["default"], choices, nargs, ours[o["dest"]].source)
            assert ours[o["dest"]] == expected


@pytest.mark.rig
def test_shipped_options_are_those_of_the_checkout() -> None:
    checkout = rig_folder() / "sd-scripts"
    began = time.perf_counter()
    text = options_text(read_commit(checkout), extract_options(checkout), read_network_args(checkout))
    assert time.perf_counter() - began < 1
    assert text == (SHIPPED_FOLDER / f"{read_commit(checkout)}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "text", ['{"commit": "x", "entries": {}}', "[]", '{"entries": {'], ids=["older", "no-table", "half"]
)
def test_a_stored_file_that_is_not_whole_counts_as_none(text: str, tmp_path: Path) -> None:
    (tmp_path / f"{PIN}.json").write_text(text)
    assert load_options(PIN, "train_network", tmp_path) == load_options(PIN, "train_network")
    (tmp_path / f"{'d' * 40}.json").write_text(text)
    with pytest.raises(EnvironmentFault, match="not known"):
        load_options("d" * 40, "train_network", tmp_path)
