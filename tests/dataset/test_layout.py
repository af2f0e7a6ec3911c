"""The folder rule, against the trainer's."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.dataset.layout import (
    folder_name,
    folder_roles,
    parse_folder_name,
    sanitise_class_tokens,
    unique_folder_names,
)


def trainers_rule(name: str) -> tuple[int, str]:
    """The rule of sd-scripts (library/config_util.py, extract_dreambooth_params), written down again as the oracle."""
    tokens = name.split("_")
    try:
        n_repeats = int(tokens[0])
    except ValueError:
        return 0, ""
    return n_repeats, "_".join(tokens[1:])


@pytest.mark.parametrize(
    "name",
    [
        "10_alice girl",
        "10_",
        "10",
        "_x",
        "x_10",
        "0_x",
        "-3_x",
        "+5_x",
        "1_2_3",
        " 7 _x",
        "１０_x",
        "10_初音ミク",
        "1e3_x",
        "10__x",
        "",
    ],
)
def test_reads_names_as_the_trainer_does(name: str) -> None:
    repeats, tokens = trainers_rule(name)
    assert parse_folder_name(name) == ((repeats, tokens) if repeats >= 1 else None)


@given(st.integers(min_value=1, max_value=10_000), st.text(max_size=40))
def test_trainer_reads_back_what_is_written(num_repeats: int, class_tokens: str) -> None:
    clean = sanitise_class_tokens(class_tokens, is_windows=False)
    name = folder_name(num_repeats, clean)
    assert trainers_rule(name) == parse_folder_name(name) == (num_repeats, clean)


@pytest.mark.parametrize("tokens", ["alice girl", "初音ミク", 'the "best" girl', "it's", "a, b, c", "x_y", "~*!?"])
def test_ordinary_names_stay(tokens: str) -> None:
    assert folder_name(3, tokens) == f"3_{tokens}"


@pytest.mark.parametrize(
    ("tokens", "on_posix", "on_windows"),
    [("a/b", "a_b", "a_b"), ("a\\b\0c\n", "a_b_c_", "a_b_c_"), ('say "hi": x.', 'say "hi": x.', "say _hi__ x")],
)
def test_characters_no_folder_may_have(tokens: str, on_posix: str, on_windows: str) -> None:
    assert sanitise_class_tokens(tokens, is_windows=False) == on_posix
    assert sanitise_class_tokens(tokens, is_windows=True) == on_windows


def test_long_names_are_cut_between_characters() -> None:
    name = folder_name(10, "初" * 300)
    assert len(name.encode()) <= 200
    assert set(name[3:]) == {"初"}


def test_no_repeats_is_refused() -> None:
    with pytest.raises(ValueError, match="num_repeats is 0"):
        folder_name(0, "x")


def test_two_concepts_never_share_a_folder() -> None:
    names = unique_folder_names([(5, "girl"), (5, "girl"), (5, "Girl"), (4, "girl"), (5, "girl")])
    assert names == ("5_girl", "5_girl (2)", "5_Girl (3)", "4_girl", "5_girl (4)")
    assert all(trainers_rule(n)[0] in {4, 5} for n in names)


@pytest.mark.parametrize(
    ("dirs", "roles"),
    [
        (["s/10_alice", "s/reg/1_girl"], ["train", "regularisation"]),
        (["s/train", "s/Val"], ["train", "validation"]),
        (["s/10_alice", "s/1_reg"], ["train", "regularisation"]),
        (["s/test/a", "s/test/b"], ["train", "train"]),
        (["s/val", "s/reg"], ["train", "train"]),
        (["s/reg"], ["train"]),
        (["s/a", "s/regular"], ["train", "train"]),
    ],
)
def test_what_folders_are_for_stands_in_their_names(dirs: list[str], roles: list[str]) -> None:
    assert list(folder_roles([Path(one) for one in dirs])) == roles
