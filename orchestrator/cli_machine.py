"""The verbs about this machine: trainers, what it has, what its user trusts. Everything heavy is imported inside a verb."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator.command_line import Verbs, in_form, in_language, with_overrides

if TYPE_CHECKING:
    from orchestrator.core.text import Language, Text


@click.group(cls=Verbs)
def vendor() -> None:
    """Fetch or adopt a trainer."""


@vendor.command()
@click.argument("name", default="sd-scripts")
@click.option(
    "--from",
    "source",
    metavar="PLACE",
    help="Fetch from here, e.g. a local mirror.",
)
@click.option("--path", type=click.Path(path_type=Path), help="Adopt this checkout.")
@click.option("--python", metavar="EXE", help="Adopt this interpreter.")
@click.option("--commit", metavar="SHA", help="Another commit than the pinned one.")
@click.option("--cuda", metavar="NAME", help="Torch build: cpu, cu124 ... (default: the driver's).")
@click.option("--allow-changes", is_flag=True, help="Adopt a checkout with local edits.")
@in_form
@in_language
def install(
    name: str,
    source: str | None,
    path: Path | None,
    python: str | None,
    commit: str | None,
    cuda: str | None,
    allow_changes: bool,
    form: str,
    lang: Language,
) -> int:
    """Install or adopt a trainer."""
    from orchestrator.report import tell, tell_tool
    from orchestrator.run.installed.vendor import install as install_trainer

    told: list[Text] = []

    def hear(text: Text) -> None:
        told.append(text)
        tell.line(text, form, lang)

    trainer = install_trainer(
        name,
        source=source,
        python=python,
        path=path,
        commit=commit,
        allow_changes=allow_changes,
        cuda=cuda,
        tell=hear,
    )
    return tell_tool.installed(trainer, told, form, lang)


@click.command()
@in_form
@in_language
def doctor(form: str, lang: Language) -> int:
    """Say what this machine has, and how to mend what is missing."""
    from orchestrator.report import tell_tool
    from orchestrator.run.installed.doctor import examine

    return tell_tool.examined(examine(), form, lang)


@click.command()
@click.argument("runs_dir", default="runs", type=click.Path(path_type=Path))
@click.option("--port", default=6006, show_default=True, help="Port, on this machine only.")
@in_form
@in_language
def board(runs_dir: Path, port: int, form: str, lang: Language) -> int:
    """Open TensorBoard over the runs.

    Needs the extra `board`. With `--format json` only errors are JSON.
    """
    from orchestrator.report import tell
    from orchestrator.run.process.board import open_board

    return open_board(runs_dir, port, lambda text: tell.line(text, form, lang))


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


VERBS = (vendor, doctor, board, trust)
