"""A key the recipe does not know: which one was meant, and where it belongs."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from orchestrator.core.finding import Location, Problem
from orchestrator.core.source import dotted
from orchestrator.core.text import Text
from orchestrator.recipe.keys import all_keys, keys_by_path, nearest
from orchestrator.recipe.other_names import OTHER_NAMES, OTHER_NAMES_IN

if TYPE_CHECKING:
    from collections.abc import Collection

    from orchestrator.core.source import KeyPath

_TRAINER_SECTIONS = ("base_model", "concepts[0]", "dataset", "network", "train", "validate", "sample", "save")
"""Sections whose keys are options of the trainer."""
_WHY = Text(
    "a key that nobody knows would change nothing, and nobody would notice", "没人认识的键不会起作用，而且谁也不会发现"
)
_WHY_TWICE = Text(
    "the recipe decides this one; two values would contradict each other", "它由配方本身决定，两处的值会互相矛盾"
)
_LONGEST_LIST = 14
_CLOSE_OPTION = 0.85
"""The trainer has hundreds of options: some name is always somewhat alike."""
_LENGTH_WHY = Text(
    "the length is rounded to whole epochs; a resumed run would overshoot a fixed number of steps",
    "长度会取整到整轮；固定步数在续训时会超出",
)


def unknown_key(path: KeyPath, where: Location, trainer_options: Collection[str] | None) -> tuple[Problem, str | None]:
    """Return the problem of an unknown key, and the dotted path of the key that was probably meant.

    Without the trainer's options (None) no name that is only alike is looked for.
    """
    key, section = str(path[-1]), _general(path[:-1])
    meant = _meant(key, section, is_exact=trainer_options is None)
    trainer_options = trainer_options or ()
    if meant is not None:
        fix = _belongs(meant, section, key)
    elif section == "sample.prompts[0]":
        meant = "sample.prompts[0].prompt"
        fix = Text("a prompt that contains `: ` needs quotes", "含有 `: ` 的提示词要加引号")
    elif key in trainer_options:
        fix = Text(
            "it is an option of the trainer: write it under `trainer_args:`",
            "它是训练器的选项：写到 `trainer_args:` 下面",
        )
    elif (option := nearest(key, trainer_options, _CLOSE_OPTION)) is not None:
        fix = Text(
            f"the trainer has an option `{option}`: write it under `trainer_args:`",
            f"训练器有选项 `{option}`：写到 `trainer_args:` 下面",
        )
    else:
        fix = _known_keys(section)
    name = dotted(path)
    return Problem("unknown-key", Text(f"unknown key `{name}`", f"未知的键 `{name}`"), _WHY, fix, where), meant


def misplaced_option(key: str, where: Location, trainer_options: Collection[str] = ()) -> Problem | None:
    """Return the problem of a key under `trainer_args` that the recipe has a place for, None where it has none.

    With the trainer's own names a key that is none of them, and comes nearest to one of the recipe's, is told as well.
    """
    names = _trainer_names()
    home = names.get(key)
    if home is None and trainer_options and key not in trainer_options:
        meant = nearest(key, {*names, *trainer_options})
        if meant is not None and meant in names:
            what = Text(f"unknown key `trainer_args.{key}`", f"未知的键 `trainer_args.{key}`")
            return Problem("unknown-key", what, _WHY, _belongs(names[meant], "trainer_args", key), where)
    if home is None:
        return None
    why = _LENGTH_WHY if key == "max_train_steps" else _WHY_TWICE
    what = Text(f"`{key}` does not belong under `trainer_args:`", f"`{key}` 不应写在 `trainer_args:` 下面")
    return Problem("misplaced-key", what, why, _belongs(home, "trainer_args", key), where)


@lru_cache(maxsize=1)
def _trainer_names() -> dict[str, str]:
    names = {key.name: key.path for key in all_keys() if key.path.rpartition(".")[0] in _TRAINER_SECTIONS}
    return {**OTHER_NAMES, **names}


def _general(path: KeyPath) -> str:
    """Return the dotted path with every list index as 0, the form in which keys are known."""
    return dotted(tuple(0 if isinstance(part, int) else part for part in path))


def _meant(key: str, section: str, *, is_exact: bool) -> str | None:
    here = {k.name: k.path for k in all_keys() if k.path.rpartition(".")[0] == section}
    elsewhere = {
        k.name: k.path for k in sorted(all_keys(), key=lambda k: ("[0]" in k.path, k.path.count(".")), reverse=True)
    }
    lowered = key.lower().replace("-", "_")
    for known in (here, OTHER_NAMES_IN.get(section, {}), elsewhere, OTHER_NAMES):
        if lowered in known:
            return known[lowered]
    for names in () if is_exact else (here, elsewhere):
        if (close := nearest(key, names)) is not None:
            return names[close]
    return None


def _belongs(meant: str, section: str, key: str) -> Text:
    home, _, name = meant.rpartition(".")
    if home == section:
        return Text(f"write `{name}`", f"写 `{name}`")
    if not home:
        return Text(f"write `{name}:` at the top level, without spaces in front", f"写成顶层的 `{name}:`，前面不留空格")
    home = home.removesuffix("[0]")
    if name != key:
        return Text(f"write `{name}` under `{home}:`", f"改用 `{home}:` 下面的 `{name}`")
    return Text(f"`{name}` belongs under `{home}:`", f"`{name}` 应写在 `{home}:` 下面")


def _known_keys(section: str) -> Text:
    names = [path.rpartition(".")[2] for path in keys_by_path() if path.rpartition(".")[0] == section]
    if not names or len(names) > _LONGEST_LIST:
        return Text("see docs/recipe.md for all keys", "所有的键见 docs/recipe.md")
    shown = ", ".join(f"`{name}`" for name in names)
    return Text(f"known here: {shown}", f"此处可用：{shown}")
