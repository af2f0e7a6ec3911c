"""What of a recipe belongs to its subject: the name, the trigger, and every text that speaks of them."""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.core.text import Text
from orchestrator.plan.naming import ascii_stem
from orchestrator.recipe.edits import texts_under

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from orchestrator.core.source import KeyPath

_NAME_FIRST = ("title", "description")
_METADATA_TOLD = ("title", "description", "tags", "training_comment")


@dataclass(frozen=True, slots=True)
class Swap:
    """Old and new words of one subject."""

    old_name: str
    new_name: str
    old_trigger: str | None
    new_trigger: str | None

    def in_prompts(self, text: str) -> str:
        """Return a prompt or caption that speaks of the new subject; a name that is also the trigger counts as trigger."""
        return _replacer([*self._triggers(), *self._names()])(text)

    def in_titles(self, text: str) -> str:
        """Return a title that speaks of the new subject; a trigger that is also the name counts as name."""
        return _replacer([*self._names(), *self._triggers()])(text)

    def _triggers(self) -> list[tuple[str, str]]:
        return [(self.old_trigger, self.new_trigger or self.old_trigger)] if self.old_trigger else []

    def _names(self) -> list[tuple[str, str]]:
        return [(self.old_name, self.new_name), (ascii_stem(self.old_name), ascii_stem(self.new_name))]


def other_subject(data: Mapping[str, Any], swap: Swap, concept: int, image_dir: str) -> dict[str, Any]:
    """Return a recipe's data for the new subject: name, trigger, folder, and the texts that name them."""
    changed = copy.deepcopy(dict(data))
    changed["name"] = swap.new_name
    if swap.new_trigger:
        changed["subject"]["trigger"] = swap.new_trigger
    changed["concepts"][concept]["image_dir"] = image_dir
    for path in texts_under(changed):
        change = _change_of(path, swap)
        if change is not None:
            _put(changed, path, change(_at(changed, path)))
    return changed


def _change_of(path: KeyPath, swap: Swap) -> Callable[[str], str] | None:
    first, last = path[0], path[-1]
    if last == "class_tokens" or path[:2] == ("sample", "prompts"):
        return swap.in_prompts
    if first == "metadata":
        return swap.in_titles if last in _NAME_FIRST else swap.in_prompts
    if first == "trainer_args":
        return _unless_path(swap.in_titles)
    return None


def _unless_path(change: Callable[[str], str]) -> Callable[[str], str]:
    """A folder that holds the old name is still that folder."""
    return lambda text: text if "/" in text or "\\" in text else change(text)


def differences(old: Any, new: Any, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield the paths of values that are new or changed, lists of equal length item by item."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key, value in new.items():
            yield from differences(old.get(key), value, (*path, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, (before, after) in enumerate(zip(old, new, strict=True)):
            yield from differences(before, after, (*path, index))
    elif old != new:
        yield path


def still_said(old: Mapping[str, Any], new: Mapping[str, Any], swap: Swap) -> Iterator[Text]:
    """Yield what stays as it was although it may speak of the old subject."""
    if swap.old_trigger and (swap.new_trigger or swap.old_trigger) == swap.old_trigger:
        word = swap.old_trigger
        yield Text(
            f"the trigger stays `{word}`: two LoRAs would answer to it; `--trigger WORD` gives another",
            f"触发词仍是 `{word}`：两个 LoRA 会响应同一个词；用 `--trigger 词` 另取一个",
        )
    for key in _METADATA_TOLD:
        value = old.get("metadata", {}).get(key)
        if value is not None and new["metadata"][key] == value:
            yield Text(f"`metadata.{key}` stays as it was: {value}", f"`metadata.{key}` 未改：{value}")
    weights = old.get("network", {}).get("network_weights")
    if weights is not None:
        yield Text(f"training still starts from `{weights}`", f"训练仍从 `{weights}` 开始")
    if old.get("ignore"):
        yield Text("the reasons under `ignore` are still those of the old subject", "`ignore` 里的理由仍是旧主体的")


def _replacer(pairs: list[tuple[str, str]]) -> Callable[[str], str]:
    """Return a function that swaps whole words in one pass, longer ones first; the first pair of an old word holds.

    `ALICE` and `Alice` are `alice` too: most text encoders read them as one word. The new word is spelt the same way.
    """
    words: dict[str, str] = {}
    for old, new in pairs:
        words.setdefault(old, new)
    ordered = sorted(words, key=len, reverse=True)
    pattern = re.compile("|".join(f"({_whole_word(word)})" for word in ordered), re.IGNORECASE)

    def swapped(match: re.Match[str]) -> str:
        found = match.group()
        old = found if found in words else ordered[(match.lastindex or 1) - 1]
        return _spelt_like(found, old, words[old])

    return lambda text: pattern.sub(swapped, text)


def _spelt_like(found: str, old: str, new: str) -> str:
    """Return `new` in capitals or with a capital where `found` is `old` written that way."""
    if found != old and found.isupper():
        return new.upper()
    if found[:1] != old[:1] and found[:1].isupper():
        return new[:1].upper() + new[1:]
    return new


def _whole_word(word: str) -> str:
    """`alice` is not in `malice`; words of Chinese or Japanese have no such borders."""
    inside = "[A-Za-z0-9_]"
    before = f"(?<!{inside})" if re.match(inside, word[0]) else ""
    after = f"(?!{inside})" if re.match(inside, word[-1]) else ""
    return f"{before}{re.escape(word)}{after}"


def _at(data: Any, path: KeyPath) -> Any:
    for part in path:
        data = data[part]
    return data


def _put(data: Any, path: KeyPath, value: Any) -> None:
    _at(data, path[:-1])[path[-1]] = value
