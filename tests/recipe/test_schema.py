"""The schema takes what the reader takes, refuses what it refuses, and the generated files are current."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from orchestrator.core.source import parse_document, read_document
from orchestrator.recipe.keys import all_keys
from orchestrator.recipe.load import load_recipe, shipped_recipes
from orchestrator.recipe.schema import keys_page, schema_json

ROOT = Path(__file__).parents[2]
SCHEMA: dict[str, Any] = json.loads(schema_json())
TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,), "array": (list,), "string": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "null": (type(None),),
}  # fmt: skip


def errors(value: Any, schema: dict[str, Any], at: str = "") -> list[str]:
    """Validate by the words of JSON schema that ours uses; an unknown word is an error of this test."""
    handled = {
        "$schema", "$defs", "title", "description", "$ref", "anyOf", "type", "enum", "const", "properties", "additionalProperties",
        "required", "items", "minItems", "maxItems", "minimum", "exclusiveMinimum", "maximum", "minLength", "maxLength", "pattern",
    }  # fmt: skip
    assert set(schema) <= handled, set(schema) - handled
    if "$ref" in schema:
        return errors(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], at)
    if "anyOf" in schema:
        tried = [errors(value, option, at) for option in schema["anyOf"]]
        return [] if [] in tried else max(tried, key=len)
    if "type" in schema and (
        not isinstance(value, TYPES[schema["type"]]) or (isinstance(value, bool) and schema["type"] != "boolean")
    ):
        return [f"{at}: no {schema['type']}"]
    found = []
    if ("enum" in schema and value not in schema["enum"]) or ("const" in schema and value != schema["const"]):
        found.append(f"{at}: no choice")
    if isinstance(value, dict):
        found += object_errors(value, schema, at)
    elif isinstance(value, list):
        found += [e for i, item in enumerate(value) for e in errors(item, schema.get("items", {}), f"{at}[{i}]")]
        found += [f"{at}: length"] * (not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)))
    elif isinstance(value, str):
        is_long = not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value))
        found += [f"{at}: text"] * (is_long or re.search(schema.get("pattern", ""), value) is None)
    elif isinstance(value, (int, float)):
        is_out = (
            value < schema.get("minimum", value)
            or value > schema.get("maximum", value)
            or value <= schema.get("exclusiveMinimum", value - 1)
        )
        found += [f"{at}: range"] * is_out
    return found


def object_errors(value: dict[str, Any], schema: dict[str, Any], at: str) -> list[str]:
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    found = [f"{at}.{key}: missing" for key in schema.get("required", ()) if key not in value]
    for key, item in value.items():
        if key in properties:
            found += errors(item, properties[key], f"{at}.{key}")
        elif others is False:
            found.append(f"{at}.{key}: unknown")
        elif isinstance(others, dict):
            found += errors(item, others, f"{at}.{key}")
    return found


@pytest.mark.parametrize("name", sorted(shipped_recipes()))
def test_every_shipped_recipe_fits_the_schema(name: str) -> None:
    assert errors(read_document(shipped_recipes()[name]).data, SCHEMA) == []


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("netwrok: {}", ".netwrok: unknown"),
        ("train: {unet_rl: 1}", ".train.unet_rl: unknown"),
        ("train: {unet_lr: -1}", ".train.unet_lr: range"),
        ("train: {unet_lr: fast}", ".train.unet_lr: no number"),
        ("base_model: {family: sdx}", ".base_model.family: no choice"),
        ("concepts: []", ".concepts: length"),
        ("concepts: [{num_repeats: 1}]", ".concepts[0].image_dir: missing"),
        ("ignore: [{rule: x, because: y}]", ".ignore[0].because: text"),
        ("telemetry: 'on'", ".telemetry: no choice"),
        ("recipe_version: 2", ".recipe_version: no choice"),
        ("extends: 5", ".extends: no string"),
    ],
)
def test_what_the_reader_refuses_the_schema_refuses(text: str, error: str) -> None:
    assert error in errors(parse_document(text, "f").data, SCHEMA)


def test_the_generated_files_are_current() -> None:
    assert (ROOT / "recipes" / "recipe.schema.json").read_text(encoding="utf-8") == schema_json()
    assert (ROOT / "docs" / "recipe.md").read_text(encoding="utf-8") == keys_page()


def test_the_page_names_every_key_with_its_meaning() -> None:
    page = keys_page()
    for key in all_keys():
        assert f"| `{key.name}` |" in page
        assert key.meaning, key.path
    assert "| `network_dim` | a whole number from 1 to 4096 |  | Rank. File size grows with it. |" in page


def test_the_example_of_the_page_loads(tmp_path: Path) -> None:
    example = re.search(r"```yaml\n(.*?)```", keys_page(), re.DOTALL)
    assert example is not None
    assert errors(parse_document(example[1], "f").data, SCHEMA) == []
    path = tmp_path / "r.yaml"
    path.write_text(example[1], encoding="utf-8")
    assert load_recipe(path).recipe.train.unet_lr == 1e-4
