"""What the command line understands whatever the verb: language, form, `--set`, and a recipe in the place of a verb."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from orchestrator.core.text import Language

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class Verbs(click.Group):
    """A group whose misspelt verbs are told which one is near."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Refuse a verb that is none in words of ours."""
        if args[0] not in self.commands and not args[0].startswith("-"):
            from orchestrator.core.errors import InputError
            from orchestrator.usage import no_such_verb

            raise InputError([no_such_verb(args[0], self.commands, ctx)])
        return super().resolve_command(ctx, args)


class RecipeFirst(Verbs):
    """`lora-run recipe.yaml` means `lora-run run recipe.yaml`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Take anything that looks like a file for a recipe to run."""
        first = args[0]
        if first not in self.commands and (first.lower().endswith((".yaml", ".yml")) or Path(first).is_file()):
            args = ["run", *args]
        return super().resolve_command(ctx, args)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Let options of `run` stand before the recipe too: `lora-run --set a=b recipe.yaml`."""
        own = {"--help", "-h", "--version"}
        words = [a for a in args if not a.startswith("-")]
        if (
            args
            and args[0].startswith("-")
            and args[0] not in own
            and any(w.endswith((".yaml", ".yml")) for w in words)
        ):
            args = ["run", *args]
        return super().parse_args(ctx, args)


def _language(_ctx: click.Context, _param: click.Parameter, value: str | None) -> Language:
    return language_of(value)


def language_of(wanted: str | None) -> Language:
    """Return the language asked for, else the one of the locale."""
    name = wanted or os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "zh" if name.lower().startswith("zh") else "en"


in_language = click.option(
    "--lang", type=click.Choice(["en", "zh"]), callback=_language, help="Language (default: the locale's)."
)
in_form = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    help="For people (default) or for programs.",
)
with_overrides = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a recipe key: train.unet_lr=5e-5. Repeatable.",
)
of_recipe = click.argument("recipe", type=click.Path(path_type=Path))


def recipe_verb(command: Any) -> Any:
    """Add what every verb on a recipe takes."""
    return of_recipe(with_overrides(in_form(in_language(command))))


def asked_for(argv: list[str]) -> tuple[str, Language]:
    """Return form and language as asked for on the command line: an error is told in them too."""
    words = [word for argument in argv for word in argument.split("=", 1)]
    after = dict(pairwise(words))
    wanted = after.get("--lang")
    return ("json" if after.get("--format") == "json" else "text"), language_of(wanted)
