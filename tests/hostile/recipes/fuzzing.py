"""Recipes nobody would write: made from the schema, then bent value by value and letter by letter."""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise
from typing import Annotated, Any, Literal, get_args, get_origin

from hypothesis import strategies as st

from orchestrator.backends.registry import known_options
from orchestrator.core.source import parse_document
from orchestrator.recipe.dump import to_yaml
from orchestrator.recipe.extends import shipped_recipes
from orchestrator.recipe.keys import all_keys, alternatives
from orchestrator.recipe.other_names import OTHER_NAMES
from tests.hostile.recipes.case import GOOD

FAMILIES = ("sdxl", "sdxl", "sd15", "sd2", "sd3", "flux", "pocket")
_TREE = parse_document(GOOD, "good").data
_OPTIONS = sorted(known_options())
_KEYS = [key for key in all_keys() if key.section is None]
_WORDS = sorted({key.name for key in all_keys()} | set(OTHER_NAMES) | {"extends", "x", "..."})
_TEXTS = st.sampled_from((
    "pictures", "other", "empty", "nested", "damaged", "no", "loop", "base.safetensors", "torn.safetensors", "../..", "/dev/null",
    "~", "AdamW", "Prodigy", "adafactor", "cosine", "constant", "networks.lora", "lycoris.kohya", "a --w 5", "--n x", "fp16", "1e-4",
    "auto", ".txt", "txt", "k=v", "", " ", "a" * 300, "王", "🦊", "%s", "{0}", "[/red]", "\\", "'", '"', "C:\\x\\u0041", "\u202e", "a\nb",
    "${HOME}", "$(id)", "<script>", "nan", "1e999", "null", "0x1F", "12:30", "hf_abcdefghijklmnopqrstuvwxyz012345",
))  # fmt: skip
_NUMBERS = st.sampled_from(
    (
        0,
        1,
        -1,
        2,
        8,
        64,
        1000,
        1024,
        4096,
        8192,
        10**6,
        2**31,
        2**63 - 1,
        0.0,
        0.05,
        0.5,
        1.0,
        1e-4,
        1e-300,
        -0.0,
        1e300,
    )
)
_PLAIN = _TEXTS | _NUMBERS | st.booleans() | st.none() | st.text(max_size=8)
_ANY: st.SearchStrategy[Any] = st.recursive(
    _PLAIN,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_WORDS), inner, max_size=3),
    max_leaves=5,
)


def _fitting(annotation: Any) -> st.SearchStrategy[Any]:
    """Values of the field's type, in range or not."""
    found: list[st.SearchStrategy[Any]] = []
    for branch in alternatives(annotation):
        bare = get_args(branch)[0] if get_origin(branch) is Annotated else branch
        if get_origin(bare) is Literal:
            found.append(st.sampled_from(get_args(bare)))
        elif get_origin(bare) is list:
            found.append(st.lists(_fitting(get_args(bare)[0]), max_size=3))
        elif get_origin(bare) is dict:
            found.append(
                st.dictionaries(
                    st.sampled_from(("weight_decay", "betas", "conv_dim", "d_coef", "x")), _PLAIN, max_size=2
                )
            )
        elif bare is bool:
            found.append(st.booleans())
        elif bare in (int, float):
            found.append(_NUMBERS)
        else:
            found.append(_TEXTS)
    return st.one_of(found)


_SETTINGS = st.one_of([st.tuples(st.just(key.path), _fitting(key.annotation)) for key in _KEYS])
_BENT = st.tuples(st.sampled_from([key.path for key in all_keys()]), _ANY)
_FOREIGN = st.tuples(st.sampled_from(_OPTIONS).map(lambda name: f"trainer_args.{name}"), _PLAIN)
_SIGNS = st.sampled_from(":#-&*!|>%@`'\"{}[],?\t \r\n\0\x1b\u2028\ufeff：，　“１\\<=~.1e")
_LETTERS = st.tuples(
    st.sampled_from(("put", "cut", "twice", "away", "indent", "swap")), st.integers(0, 60), st.integers(0, 90), _SIGNS
)


def _put(tree: dict[str, Any], path: str, value: Any) -> None:
    here: Any = tree
    parts: list[str | int] = []
    for part in path.split("."):
        name, bracket, _ = part.partition("[")
        parts += [name, 0] if bracket else [name]
    for key, following in pairwise(parts):
        inner = here.get(key) if isinstance(here, dict) else here[0] if here else None
        if not isinstance(inner, list if isinstance(following, int) else dict):
            inner = [{}] if isinstance(following, int) else {}
            if isinstance(here, dict):
                here[key] = inner
            else:
                here[:] = [inner]
        here = inner
    if isinstance(here, dict):
        here[parts[-1]] = value


def _bend(text: str, kind: str, line: int, column: int, sign: str) -> str:
    """Change one place of the text."""
    lines = text.split("\n")
    at = line % len(lines)
    one, column = lines[at], min(column, len(lines[at]))
    if kind == "put":
        lines[at] = one[:column] + sign + one[column:]
    elif kind == "cut":
        lines[at] = one[:column] + one[column + 1 :]
    elif kind == "twice":
        lines.insert(at, one)
    elif kind == "away":
        del lines[at]
    elif kind == "indent":
        lines[at] = " " * (column % 7) + one.lstrip()
    else:
        other = column % len(lines)
        lines[at], lines[other] = lines[other], lines[at]
    return "\n".join(lines)


@st.composite
def recipes(draw: st.DrawFn) -> str:
    """Return the text of a recipe: right, nearly right, or not at all."""
    tree = deepcopy(_TREE)
    tree["base_model"]["family"] = draw(st.sampled_from(FAMILIES))
    if draw(st.integers(0, 4)) == 0:
        tree["extends"] = draw(st.sampled_from(sorted(shipped_recipes())))
    for path, value in draw(st.lists(_SETTINGS, max_size=4)):
        _put(tree, path, value)
    for path, value in draw(st.just([]) | st.lists(_BENT | _FOREIGN, max_size=2)):
        _put(tree, path, value)
    text = to_yaml(tree)
    for kind, line, column, sign in draw(st.just([]) | st.just([]) | st.lists(_LETTERS, max_size=3)):
        text = _bend(text, kind, line, column, sign)
    return text


def overrides() -> st.SearchStrategy[tuple[str, ...]]:
    """Return what may stand behind `--set`, mostly nothing."""
    one = st.tuples(st.sampled_from([key.path for key in all_keys()]), _PLAIN.map(str)).map("=".join) | st.text(
        max_size=12
    )
    return st.just(()) | st.just(()) | st.lists(one, min_size=1, max_size=2).map(tuple)
