"""YAML's surprises, bombs, encodings and versions: the value that was meant, or a refusal with its line. Never anything else."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.errors import EXIT_REFUSED, InputError
from orchestrator.core.source import MAX_BYTES
from orchestrator.recipe.dump import dump_resolved
from orchestrator.recipe.load import LoadedRecipe, load_recipe
from tests.hostile.recipes.case import GOOD
from tests.hostile.recipes.corpus import check
from tests.hostile.recipes.world import make_world

if TYPE_CHECKING:
    from collections.abc import Iterator

REFUSED = object()
LR, NAME, BUCKET = "  unet_lr: 1e-4\n", "name: alice\n", "  enable_bucket: true\n"

SURPRISES: tuple[tuple[str, str, object], ...] = (
    (LR, "  unet_lr: 1e-4\n", 1e-4), (LR, "  unet_lr: 1.0e-4\n", 1e-4), (BUCKET, "  enable_bucket: no\n", False),
    (BUCKET, "  enable_bucket: on\n", True), (LR, "  unet_lr: 010\n", 10), (LR, "  unet_lr: 1_000\n", REFUSED),
    (LR, "  unet_lr: 16:9\n", REFUSED), (LR, "  unet_lr: 12:30:45\n", REFUSED), (LR, f"{LR}  unet_lr: 2e-4\n", REFUSED),
    (LR, "  unet_lr: 2024-01-01\n", REFUSED), (LR, "  unet_lr: null\n", None), (LR, "  unet_lr: ~\n", None),
    (LR, "  unet_lr: 1.10\n", 1.1), (LR, "  unet_lr: .inf\n", REFUSED), (LR, "  unet_lr: .nan\n", REFUSED),
    (LR, "  <<: {unet_lr: 1}\n", REFUSED), (LR, "  unet_lr: 0x1F\n", 31), (LR, "\tunet_lr: 1e-4\n", REFUSED),
    (GOOD, "\ufeff" + GOOD, REFUSED), (LR, "  unet_lr: !!python/object/apply:os.system ['true']\n", REFUSED),
    (NAME, 'name: "ali\\nce"\n', REFUSED), (NAME, "name: ali\0ce\n", REFUSED), (GOOD, f"{GOOD}---\n{GOOD}", REFUSED),
    (GOOD, "- recipe_version: 1\n", REFUSED), (GOOD, "recipe\n", REFUSED), (GOOD, "1\n", REFUSED), (GOOD, "", REFUSED),
    (NAME, "name: no\n", "no"), (NAME, "name: on\n", "on"), (NAME, "name: 16:9\n", REFUSED), (NAME, "name: 1_000\n", "1_000"),
    (NAME, "name: 2024-01-01\n", "2024-01-01"), (NAME, "name: 1.10\n", REFUSED), (NAME, "name: '1.10'\n", "1.10"),
    (NAME, "name: 0o17\n", REFUSED), (NAME, "name: ~\n", REFUSED), (NAME, "name: NO\n", "NO"), (NAME, "name: y\n", "y"),
)  # fmt: skip
"""What stood in the good recipe, what stands there instead, and the value that is meant (of the rate, the switch or the name)."""

_ALIASES = "\n".join(["a0: &a0 [x, x]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)])
BOMBS = {
    "aliases": GOOD + _ALIASES,
    "lists in lists": GOOD + "x: " + "[" * 30_000,
    "tables in tables": GOOD + "x: " + "{a: " * 30_000,
    "dashes": GOOD + "x:\n  " + "- " * 30_000,
    "keys in keys": GOOD + "? " * 30_000,
    "30 thousand keys": GOOD + "".join(f"k{i}: 1\n" for i in range(30_000)),
    "30 thousand items": GOOD + "x: [" + "b, " * 30_000 + "]\n",
    "more than a megabyte": GOOD + "#" * MAX_BYTES,
    "one long word": GOOD + "x: " + "a" * (MAX_BYTES - 2000),
    "a long number": GOOD + "x: " + "9" * 500_000,
    "many quotes": GOOD + "x: " + "'" * 100_000,
    "many errors": GOOD.replace("train:\n", "train:\n" + "".join(f"  k{i}: 1\n" for i in range(3000))),
}
"""Small files that grow, or take long."""

ENCODINGS: dict[str, tuple[bytes, int | None]] = {
    "UTF-16 with its mark": (GOOD.encode("utf-16"), 1),
    "UTF-16 without": (GOOD.encode("utf-16-le"), 1),
    "UTF-16 big end first": (b"\xfe\xff" + GOOD.encode("utf-16-be"), 1),
    "UTF-32": (GOOD.encode("utf-32"), 1),
    "UTF-8 with a mark": (b"\xef\xbb\xbf" + GOOD.encode(), 1),
    "Windows line ends": (GOOD.replace("\n", "\r\n").encode(), None),
    "old Mac line ends": (GOOD.replace("\n", "\r").encode(), None),
    "latin-1": (GOOD.replace("girl", "café").encode("latin-1"), 6),
    "GBK": (GOOD.replace("girl", "女孩").encode("gbk"), 6),
    "Shift-JIS": (GOOD.replace("girl", "少女").encode("shift-jis"), 6),
    "a zero byte": (GOOD.replace("girl", "gi\0rl").encode(), 6),
    "an escape": (GOOD.replace("girl", "gi\x1brl").encode(), 6),
    "a line separator": (GOOD.replace("girl", "gi\u2028rl").encode(), 6),
    "an overlong slash": (GOOD.encode().replace(b"girl", b"gi\xc0\xafrl"), 6),
    "a lone surrogate": (GOOD.encode().replace(b"girl", b"gi\xed\xa0\x80rl"), 6),
    "Chinese in UTF-8": (GOOD.replace("girl", "女孩").encode(), None),
    "an emoji": (GOOD.replace("girl", "girl \N{SMILING FACE WITH SUNGLASSES}").encode(), None),
}
"""The file's bytes and the line that is told, None where it is read."""

VERSIONS = {"2": "newer", "99": "newer", "0": "older", "'1'": "as text", "1.5": "between", "null": "none"}

RELIABILITY = {
    "E06": f"{len(SURPRISES)} surprises of YAML",
    "E07": f"{len(BOMBS)} recipes that grow or take long",
    "E08": f"{len(ENCODINGS)} encodings",
    "E09": f"{len(VERSIONS)} versions refused, every accepted surprise written and read back",
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    root = tmp_path_factory.mktemp("yaml")
    make_world(root)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(root)
        yield root


def load(content: str | bytes) -> LoadedRecipe:
    path = Path("recipe.yaml")
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load_recipe(path)


@pytest.mark.parametrize("number", range(len(SURPRISES)))
@pytest.mark.usefixtures("world")
def test_a_surprise_is_what_it_looks_like_or_is_refused(number: int) -> None:
    old, new, meant = SURPRISES[number]
    text = GOOD.replace(old, new)
    if meant is REFUSED:
        with pytest.raises(InputError) as caught:
            load(text)
        assert all(p.where is not None and p.fix is not None for p in caught.value.problems)
        return
    loaded = load(text)
    recipe = loaded.recipe
    value = {LR: recipe.train.unet_lr, BUCKET: recipe.dataset.enable_bucket, NAME: recipe.name}[old]
    assert value == meant
    assert type(value) is type(meant) or (isinstance(meant, int) and value == float(meant))
    assert load(dump_resolved(loaded)).recipe == recipe


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.usefixtures("world")
def test_a_bomb_is_refused_soon(name: str) -> None:
    path = Path("recipe.yaml")
    path.write_text(BOMBS[name], encoding="utf-8")
    started = time.process_time()
    told = check(path)
    assert told.code == EXIT_REFUSED
    assert "Traceback" not in told.printed
    assert time.process_time() - started < 5  # a second on a quiet machine


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.usefixtures("world")
def test_an_encoding_is_read_or_its_line_is_told(name: str) -> None:
    content, line = ENCODINGS[name]
    if line is None:
        assert load(content).recipe.name == "alice"
        return
    with pytest.raises(InputError) as caught:
        load(content)
    places = [p.where for p in caught.value.problems]
    assert [place.line if place is not None else 1 for place in places] == [line]


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.usefixtures("world")
def test_another_version_is_refused_and_says_what_to_do(version: str) -> None:
    with pytest.raises(InputError) as caught:
        load(GOOD.replace("recipe_version: 1", f"recipe_version: {version}"))
    (problem,) = caught.value.problems
    assert problem.where is not None
    assert problem.where.line == 1
    fix = problem.fix.en if problem.fix is not None else ""
    assert ("update the tool" in fix) == (VERSIONS[version] == "newer")
