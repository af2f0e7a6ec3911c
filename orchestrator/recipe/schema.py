"""JSON schema of the recipe, for completion in editors, and the page of all keys. Both are generated from the models."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from orchestrator.recipe.keys import Key, all_keys, expected, field_meanings
from orchestrator.recipe.model import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel

SCHEMA_FILE = "recipe.schema.json"
HEADER = f"# yaml-language-server: $schema={SCHEMA_FILE}"
"""First line of every recipe in `recipes/`."""

_INHERITED = ("Subject", "BaseModelFiles")
"""Sections that a preset may have filled in part, so that no key of theirs is needed in every file."""


def schema_json() -> str:
    """Return the JSON schema as text. What is needed only without `extends` is not asked for: a preset may give it."""
    schema = Recipe.model_json_schema(by_alias=True)
    schema["$schema"] = "http://json-schema.org/draft-07/schema#"
    schema["title"] = "Recipe of LoRA orchestrator"
    schema.pop("required", None)
    definitions = schema["$defs"]
    for model, described in _described(schema):
        _describe(described["properties"], model)
    for name in _INHERITED:
        definitions[name].pop("required", None)
    extends = {
        "type": "string",
        "description": "Recipe to build on: a file (`./base.yaml`) or a shipped preset (`sdxl-character`).",
    }
    schema["properties"] = {"extends": extends, **schema["properties"]}
    return json.dumps(_tidied(schema), ensure_ascii=False, indent=2) + "\n"


def _described(schema: dict[str, Any]) -> Iterator[tuple[type[BaseModel], dict[str, Any]]]:
    """Yield each model with its part of the schema."""
    yield Recipe, schema
    models = {key.section.__name__: key.section for key in all_keys() if key.section is not None}
    yield from ((models[name], part) for name, part in schema["$defs"].items())


def _describe(properties: dict[str, Any], model: type[BaseModel]) -> None:
    """Write the docstring of each field into the schema; names in it stay in the order of the alphabet."""
    for field, meaning in field_meanings(model).items():
        name = model.model_fields[field].alias or field
        properties[name] = dict(sorted({**properties[name], "description": meaning}.items()))


def _tidied(node: Any, *, is_properties: bool = False) -> Any:
    """Return the schema without the titles and defaults that pydantic adds to each field: editors show them as noise."""
    if isinstance(node, list):
        return [_tidied(item) for item in node]
    if not isinstance(node, dict):
        return node
    dropped = () if is_properties else ("default",) if "$schema" in node else ("title", "default")
    return {
        key: _tidied(value, is_properties=key in {"properties", "$defs"})
        for key, value in node.items()
        if key not in dropped
    }


_INTRODUCTION = """\
# All keys of a recipe

One file trains one LoRA. A key that is left out is decided by the plan, and `lora-run plan RECIPE` shows each decision with
its reason. Every other option of the trainer goes under `trainer_args:`, by its own name; it is checked too.
This page is generated from `orchestrator/recipe/model.py`.

```yaml
# yaml-language-server: $schema=recipe.schema.json
extends: sdxl-character        # a shipped preset, or a file: ./base.yaml
name: alice-v1
subject:
  trigger: alicechr
  class_tokens: girl
base_model:
  pretrained_model_name_or_path: ./models/base.safetensors
concepts:
  - image_dir: ./pictures/alice
train:
  unet_lr: 1e-4                # replaces the preset's value
```

- `extends` builds on another recipe: sections are merged, lists are replaced, `null` takes an inherited value back.
- A relative path starts at the folder of the file it is written in; on the command line, at the working directory.
- `--set train.unet_lr=5e-5` replaces a value for one run, `--set concepts.0.num_repeats=5` one inside a list.
- `1e-4` is a number, `010` is 10. `yes`, `no`, `on` and `off` are truth values where a truth value is wanted, text elsewhere.
- Anchors, aliases, tags and merge keys are refused, and so is a key that stands twice.
- Tokens and uploads are refused: a recipe is copied into every run folder.

| key | type | needed | meaning |
|---|---|---|---|
| `extends` | a file name or the name of a preset | | Recipe to build on. |
"""


def keys_page() -> str:
    """Return the page of all keys as Markdown."""
    return _INTRODUCTION + "".join(line + "\n" for line in _rows(all_keys())).rstrip("\n") + "\n"


def _rows(keys: tuple[Key, ...]) -> Iterator[str]:
    top = [key for key in keys if "." not in key.path]
    yield from (_row(key) for key in top)
    for section in (key for key in keys if key.section is not None):
        title = section.path.replace("[0]", "[]")
        is_list = any(key.path.startswith(f"{section.path}[0].") for key in keys)
        prefix = f"{section.path}[0]." if is_list else f"{section.path}."
        yield ""
        yield f"## {title}{'[]' if is_list else ''}"
        yield ""
        yield _sentence(section.section.__doc__ if section.section is not None else "")
        yield ""
        yield "| key | type | needed | meaning |"
        yield "|---|---|---|---|"
        yield from (_row(key) for key in keys if key.path.startswith(prefix) and "." not in key.path[len(prefix) :])


def _row(key: Key) -> str:
    kind = "see below" if key.section is not None else expected(key.annotation).en
    cells = f"`{key.name}`", kind, "yes" if key.is_required else "", _sentence(key.meaning)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _sentence(text: str | None) -> str:
    return " ".join((text or "").split())
