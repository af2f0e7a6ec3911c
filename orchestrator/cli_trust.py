"""The verb that vouches for files: `lora-run trust`. Everything heavy is imported inside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.command_line import in_form, in_language, with_overrides

if TYPE_CHECKING:
    from orchestrator.core.text import Language


@click.command()
@click.argument("file", required=False)
@with_overrides
@click.option("--remove", is_flag=True, help="Take it back; FILE may be a listed name or the first digits of a sha256.")
@in_form
@in_language
def trust(file: str | None, overrides: tuple[str, ...], remove: bool, form: str, lang: Language) -> int:
    """Vouch for a recipe or a pickle by its content.

    A trusted recipe may name classes and modules that nobody checked, and a model of Hugging Face; a trusted model file may be a
    pickle. Without FILE: list what is trusted.
    """
    from orchestrator.report import tell_tool
    from orchestrator.run.installed import trusted

    if file is None:
        return tell_tool.trusted(trusted.read_trusted(), "trusted", form, lang)
    if remove:
        return tell_tool.trusted(trusted.distrust(file, overrides), "removed", form, lang)
    return tell_tool.trusted(trusted.trust(Path(file), overrides), "added", form, lang)
