"""The keys of the recipe, read from the models: what each may hold, where it belongs, which one was probably meant."""

from __future__ import annotations

import difflib
import types
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, StringConstraints
from pydantic.fields import FieldInfo

from orchestrator.core.text import Text, same
from orchestrator.recipe.model import Recipe

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from orchestrator.core.source import KeyPath

PATH_KEYS = frozenset(
    {
        "image_dir", "pretrained_model_name_or_path", "vae", "clip_l", "clip_g", "t5xxl", "ae", "tokenizer_cache_dir", "network_weights",
    }
)  # fmt: skip
"""Keys that name files or folders relative to the file they stand in."""
TRAINER_PATH_KEYS = frozenset({"base_weights", "controlnet_model_name_or_path"})
"""Those under `trainer_args`."""


@dataclass(frozen=True, slots=True)
class Key:
    """One key of the recipe."""

    path: str
    """Dotted; items of lists as `[0]`: `concepts[0].image_dir`."""
    name: str
    is_required: bool
    owner: type[BaseModel]
    """The model whose field this is."""
    field: str
    """Its name there; `name` may be an alias."""
    section: type[BaseModel] | None = None
    """Model of the section or list items behind this key."""

    @property
    def annotation(self) -> Any:
        """What the field may hold, as its model says it."""
        return _hints(self.owner)[self.field]

    @property
    def meaning(self) -> str:
        """The docstring of the field, else that of the section behind it."""
        return field_meanings(self.owner).get(self.field) or (self.section.__doc__ if self.section else "") or ""


@lru_cache(maxsize=1)
def all_keys() -> tuple[Key, ...]:
    """Return every key, sections before what they hold, in the order of the models."""
    return tuple(_walk(Recipe, ""))


@lru_cache(maxsize=1)
def keys_by_path() -> dict[str, Key]:
    """Return every key by its dotted path."""
    return {key.path: key for key in all_keys()}


@cache
def _hints(model: type[BaseModel]) -> dict[str, Any]:
    return get_type_hints(model, include_extras=True)


def _walk(model: type[BaseModel], prefix: str) -> Iterator[Key]:
    for field, info in model.model_fields.items():
        name = info.alias or field
        section, is_list = _section_of(info.annotation)
        path = f"{prefix}{name}"
        yield Key(path, name, info.is_required(), model, field, section)
        if section is not None:
            yield from _walk(section, f"{path}[0]." if is_list else f"{path}.")


@cache
def field_meanings(model: type[BaseModel]) -> dict[str, str]:
    """Return the docstrings below the fields of a model, by field, as its source has them.

    pydantic could read them too, but would do so at each start of the tool; they are needed for the documentation only.
    """
    import ast
    import inspect

    (tree,) = ast.parse(inspect.getsource(model)).body
    found = {}
    for field, after in pairwise(tree.body if isinstance(tree, ast.ClassDef) else ()):
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        text = after.value if isinstance(after, ast.Expr) else None
        if isinstance(text, ast.Constant) and isinstance(text.value, str):
            found[field.target.id] = inspect.cleandoc(text.value)
    return found


def _section_of(annotation: Any) -> tuple[type[BaseModel] | None, bool]:
    """Return the model inside an annotation and whether it is an item of a list."""
    for part in alternatives(annotation):
        bare = get_args(part)[0] if get_origin(part) is Annotated else part
        if isinstance(bare, type) and issubclass(bare, BaseModel):
            return bare, False
        if get_origin(bare) is list:
            return _section_of(get_args(bare)[0])[0], True
    return None, False


def alternatives(annotation: Any) -> tuple[Any, ...]:
    """Return the branches of a union apart from None; anything else as the only branch."""
    if get_origin(annotation) in (Union, types.UnionType):
        return tuple(a for a in get_args(annotation) if a is not type(None))
    return (annotation,)


def is_only(annotation: Any, kind: type) -> bool:
    """Return whether a field may hold values of `kind` and nothing else (None apart)."""
    return all((get_args(a)[0] if get_origin(a) is Annotated else a) is kind for a in alternatives(annotation))


def choices(annotation: Any) -> tuple[Any, ...]:
    """Return the words a field may hold, empty where it is not a choice."""
    return tuple(value for a in alternatives(annotation) if get_origin(a) is Literal for value in get_args(a))


def expected(annotation: Any) -> Text:
    """Return what a field may hold, as the end of the sentence `it must be ...`."""
    parts = [_expected_one(a) for a in alternatives(annotation)]
    return Text(" or ".join(p.en for p in parts), "，或".join(p.zh for p in parts))


def _expected_one(annotation: Any) -> Text:
    rules: dict[str, Any] = {}
    if get_origin(annotation) is Annotated:
        annotation, *metadata = get_args(annotation)
        rules = _rules(metadata)
    if get_origin(annotation) is Literal:
        return _one_of(get_args(annotation))
    if get_origin(annotation) is list:
        return _list_of(get_args(annotation)[0], rules)
    if annotation in (int, float):
        return _number(annotation, rules)
    words = {
        bool: Text("true or false", "true 或 false"),
        str: Text("text", "文本"),
    }
    if annotation in words:
        return words[annotation]
    if annotation is Any:
        return Text("a value", "一个值")
    return Text("a section of `key: value` lines", "一段 `键: 值`")


def _rules(metadata: Sequence[Any]) -> dict[str, Any]:
    rules: dict[str, Any] = {}
    for item in metadata:
        for part in item.metadata if isinstance(item, FieldInfo) else (item,):
            names = (
                ("max_length", "min_length")
                if isinstance(part, StringConstraints)
                else ("ge", "gt", "le", "lt", "max_length", "min_length")
            )
            rules.update({n: getattr(part, n) for n in names if getattr(part, n, None) is not None})
    return rules


def _one_of(values: tuple[Any, ...]) -> Text:
    shown = [f"`{v}`" for v in values]
    if len(shown) == 1:
        return same(shown[0])
    return Text(f"one of {', '.join(shown)}", f"{'、'.join(shown)} 之一")


def _list_of(item: Any, rules: Mapping[str, Any]) -> Text:
    inner = expected(item)
    count = rules.get("max_length")
    if count is not None and count == rules.get("min_length"):
        return Text(f"a list of {count}, each {inner.en}", f"含 {count} 项的列表，每项为{inner.zh}")
    return Text(f"a list, each entry {inner.en}", f"列表，每项为{inner.zh}")


def _number(kind: type, rules: Mapping[str, Any]) -> Text:
    en, zh = ("a whole number", "整数") if kind is int else ("a number", "数")
    low, above, high = rules.get("ge"), rules.get("gt"), rules.get("le")
    if low is not None and high is not None:
        return Text(f"{en} from {low} to {high}", f"{low} 到 {high} 的{zh}")
    if low is not None and "lt" in rules:
        return Text(f"{en} from {low} to below {rules['lt']}", f"不小于 {low}、小于 {rules['lt']} 的{zh}")
    if above is not None and high is not None:
        return Text(f"{en} above {above}, at most {high}", f"大于 {above}、不超过 {high} 的{zh}")
    if low is not None:
        return Text(f"{en} of at least {low}", f"不小于 {low} 的{zh}")
    if above is not None:
        return Text(f"{en} above {above}", f"大于 {above} 的{zh}")
    return Text(en, zh)


def annotation_at(path: KeyPath) -> Any:
    """Return the annotation of the field at `path`, `Any` inside free tables, None where the recipe has no such key."""
    here: Any = Recipe
    for part in path:
        here = _step(here, part)
        if here is None or here is Any:
            return here
    return here


def _step(annotation: Any, part: str | int) -> Any:
    for branch in alternatives(annotation):
        bare = get_args(branch)[0] if get_origin(branch) is Annotated else branch
        if isinstance(part, int) and get_origin(bare) is list:
            return get_args(bare)[0]
        if isinstance(part, str) and get_origin(bare) is dict:
            return get_args(bare)[1]
        if isinstance(part, str) and isinstance(bare, type) and issubclass(bare, BaseModel):
            for field, info in bare.model_fields.items():
                if part == (info.alias or field):
                    return _hints(bare)[field]
    return None


def nearest(word: str, known: Collection[str], cutoff: float = 0.75) -> str | None:
    """Return the known word that was probably meant, or None. `cutoff`: how alike they must be, up to 1."""
    lowered = word.lower().replace("-", "_")
    if lowered in known:
        return lowered
    return next(iter(difflib.get_close_matches(lowered, known, n=1, cutoff=cutoff)), None)
