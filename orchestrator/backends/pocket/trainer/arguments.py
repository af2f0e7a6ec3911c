"""Read the command line and the training TOML; refuse by name what pocket does not implement."""

from __future__ import annotations

import argparse
import difflib
from pathlib import Path
from typing import Any

import toml

from orchestrator.backends.pocket.options import OPTIONS, Option


class ConfigurationError(Exception):
    """The configuration cannot be trained as it stands; the text says what, where and what to write instead."""


def type_problem(name: str, value: object, kind: str) -> str:
    """What is wrong with the type of a TOML value; empty when nothing is."""
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    whole = isinstance(value, int) and not isinstance(value, bool)
    texts = isinstance(value, list) and all(isinstance(item, str) for item in value)
    numbers = isinstance(value, list) and all(isinstance(item, (int, float)) for item in value)
    size = isinstance(value, list) and len(value) in (1, 2) and all(isinstance(item, int) for item in value)
    accepted = {
        "str": (isinstance(value, str), "text in quotes"),
        "int": (whole, "a whole number"),
        "float": (number, "a number"),
        "int_or_float": (number, "a whole number of steps or a share of the run such as 0.05"),
        "bool": (isinstance(value, bool), "true or false"),
        "str_list": (texts, 'a list of texts such as ["weight_decay=0.1"]'),
        "float_list": (number or numbers, "a number or a list of numbers"),
        "size": (whole or size, "a whole number or [width, height]"),
    }
    fits, wanted = accepted[kind]
    return "" if fits else f"`{name}` must be {wanted}, got {value!r}"


def _check(name: str, value: object, option: Option, where: str) -> str:
    problem = type_problem(name, value, option.kind)
    if not problem and option.choices and value not in option.choices:
        problem = f"`{name}` must be one of {', '.join(c or 'empty' for c in option.choices)}, got {value!r}"
    return f"{where}: {problem}" if problem else ""


def nearest(name: str, known: list[str]) -> str:
    """A hint with the most similar known name, or nothing."""
    match = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean `{match[0]}`?" if match else ""


def read_toml(path: Path) -> dict[str, Any]:
    """Parse a TOML file with the parser that sd-scripts uses.

    Raises:
        ConfigurationError: the file is missing, not UTF-8 or not TOML.
    """
    try:
        return toml.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"{path} not found.") from None
    except (UnicodeDecodeError, toml.TomlDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error


def _flatten(content: dict[str, Any]) -> dict[str, Any]:
    """`[any]` tables are only for the eye: their keys move to the top, as in sd-scripts."""
    flat: dict[str, Any] = {}
    for name, value in content.items():
        flat.update(value if isinstance(value, dict) else {name: value})
    return flat


def make_parser() -> argparse.ArgumentParser:
    """The options of the command line; one that is not given leaves no trace in the namespace."""
    parser = argparse.ArgumentParser(prog="train_network.py", allow_abbrev=False, argument_default=argparse.SUPPRESS)
    parser.add_argument("--config_file", type=str)
    converters = {"int": int, "float": float, "int_or_float": float}
    for name, option in OPTIONS.items():
        if option.kind == "bool":
            parser.add_argument(f"--{name}", action="store_true")
        elif option.kind == "str_list":
            parser.add_argument(f"--{name}", nargs="*", type=str)
        elif option.kind == "float_list":
            parser.add_argument(f"--{name}", nargs="*", type=float)
        else:
            parser.add_argument(f"--{name}", type=converters.get(option.kind, str))
    return parser


def read_arguments(argv: list[str]) -> argparse.Namespace:
    """`with_config_file` of a command line."""
    return with_config_file(make_parser().parse_args(argv))


def with_config_file(parsed: argparse.Namespace) -> argparse.Namespace:
    """Defaults, then the TOML named by `--config_file`, then what the command line gave; every key checked.

    Raises:
        ConfigurationError: unknown keys, wrong types, wrong choices or missing essentials, all of them at once.
    """
    given = dict(vars(parsed))
    config_file = given.pop("config_file", None)
    problems: list[str] = []
    values: dict[str, Any] = {name: option.default for name, option in OPTIONS.items()}
    if config_file is not None:
        path = Path(config_file if config_file.endswith(".toml") else config_file + ".toml")
        for name, value in _flatten(read_toml(path)).items():
            if name in OPTIONS:
                problems.append(_check(name, value, OPTIONS[name], str(path)))
                values[name] = value
            else:
                hint = nearest(name, list(OPTIONS))
                problems.append(f"{path}: pocket does not implement `{name}`{hint}")
    problems += [_check(name, value, OPTIONS[name], "command line") for name, value in given.items()]
    values.update(given)
    if isinstance(values["text_encoder_lr"], (int, float)):
        values["text_encoder_lr"] = [float(values["text_encoder_lr"])]
    problems += _missing(values) + _bad_numbers(values)
    problems = [problem for problem in problems if problem]
    if problems:
        raise ConfigurationError("\n".join(problems))
    return argparse.Namespace(config_file=config_file, **values)


def _missing(values: dict[str, Any]) -> list[str]:
    needed = ["pretrained_model_name_or_path", "output_dir", "network_module"]
    problems = [f"`{name}` is required" for name in needed if not values[name]]
    if not values["dataset_config"] and not values["train_data_dir"]:
        problems.append("`dataset_config` or `train_data_dir` is required")
    if values["log_with"] and not values["logging_dir"]:
        problems.append("`log_with` needs `logging_dir`")
    if (values["sample_every_n_steps"] or values["sample_every_n_epochs"] or values["sample_at_first"]) and not values[
        "sample_prompts"
    ]:
        problems.append("sampling is asked for, but `sample_prompts` is missing")
    if values["sample_prompts"] and not str(values["sample_prompts"]).endswith(".txt"):
        problems.append(f"`sample_prompts` must be a .txt file, got {values['sample_prompts']!r}")
    return problems


def _bad_numbers(values: dict[str, Any]) -> list[str]:
    above_zero = [
        "train_batch_size", "gradient_accumulation_steps", "max_train_steps", "max_train_epochs", "network_dim",
        "save_every_n_epochs", "save_every_n_steps", "validate_every_n_steps", "validate_every_n_epochs",
    ]  # fmt: skip
    problems = [
        f"`{name}` must be at least 1, got {values[name]}"
        for name in above_zero
        if isinstance(values[name], int) and values[name] < 1
    ]
    if values["persistent_data_loader_workers"] and not values["max_data_loader_n_workers"]:
        problems.append("`persistent_data_loader_workers` needs `max_data_loader_n_workers` above 0")
    if values["network_train_unet_only"] and values["network_train_text_encoder_only"]:
        problems.append("`network_train_unet_only` and `network_train_text_encoder_only` exclude each other")
    return problems
