"""The verbs. The only module that exits the process; everything heavy is imported inside a verb."""

from __future__ import annotations

import os
import sys
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from orchestrator import __version__

if TYPE_CHECKING:
    from orchestrator.core.text import Language, Text

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 110}


class RecipeFirst(click.Group):
    """`lora-run recipe.yaml` means `lora-run run recipe.yaml`; a misspelt verb is told which one is near."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Take anything that looks like a file for a recipe to run."""
        first = args[0]
        if first not in self.commands:
            if first.lower().endswith((".yaml", ".yml")) or Path(first).is_file():
                return super().resolve_command(ctx, ["run", *args])
            import difflib

            near = difflib.get_close_matches(first, [*self.commands], n=1)
            hint = f"did you mean `{near[0]}`?" if near else "a recipe is a .yaml file; see lora-run --help"
            ctx.fail(f"no verb `{first}`: {hint}")
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
    return _language_of(value)


def _language_of(wanted: str | None) -> Language:
    """Return the language asked for, else the one of the locale."""
    name = wanted or os.environ.get("LC_ALL") or os.environ.get("LC_MESSAGES") or os.environ.get("LANG") or ""
    return "zh" if name.lower().startswith("zh") else "en"


_lang = click.option(
    "--lang", type=click.Choice(["en", "zh"]), callback=_language, help="Language; default: the locale's."
)
_format = click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Text for people, JSON for programs.",
)
_set = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="KEY=VALUE",
    help="Change a recipe key, e.g. train.unet_lr=5e-5. Repeatable.",
)
_recipe = click.argument("recipe", type=click.Path(path_type=Path))


def _recipe_verb(command: Any) -> Any:
    """Add what every verb on a recipe takes."""
    return _recipe(_set(_format(_lang(command))))


@click.group(cls=RecipeFirst, context_settings=_CONTEXT)
@click.version_option(__version__, prog_name="lora-run", message="%(prog)s %(version)s")
def cli() -> None:
    """One YAML recipe in, a trained LoRA and an honest diagnosis out.

    \b
    lora-run recipe.yaml          check, plan, compile, train, diagnose, report
    lora-run check recipe.yaml    only look: recipe, pictures, captions
    lora-run diagnose FOLDER      judge a run, also one made by another front end
    """  # noqa: D301  click wants the backspace itself, it keeps the lines apart


@cli.command()
@_recipe_verb
@click.option(
    "--runs-dir", type=click.Path(path_type=Path), help="Folder of the run folders; default: the recipe's, else `runs`."
)
@click.option("--no-stop", is_flag=True, help="Never stop the trainer early, whatever the live rules find.")
def run(
    recipe: Path, overrides: tuple[str, ...], form: str, lang: Language, runs_dir: Path | None, no_stop: bool
) -> int:
    """Do all of it: check, plan, compile, train, diagnose, report."""
    from orchestrator import pipeline
    from orchestrator.report.watcher import Watcher

    watcher = Watcher(sys.stderr if form == "json" else sys.stdout, lang)
    with watcher:
        done = pipeline.run_recipe(recipe, overrides, watcher, lang, runs_dir=runs_dir, may_stop=not no_stop)
    from orchestrator.report import tell

    if isinstance(done, pipeline.Prepared):
        return tell.checked(done.verdict, done.problems, done.dataset, done.plan, form, lang)
    return tell.finished(done.report, done.files, done.problems, form, lang)


@cli.command()
@_recipe_verb
def check(recipe: Path, overrides: tuple[str, ...], form: str, lang: Language) -> int:
    """Look at the recipe, the pictures' headers and the captions. Runs nothing."""
    from orchestrator import pipeline
    from orchestrator.report import tell

    done = pipeline.prepare(recipe, overrides)
    return tell.checked(done.verdict, done.problems, done.dataset, done.plan, form, lang)


@cli.command()
@_recipe_verb
def plan(recipe: Path, overrides: tuple[str, ...], form: str, lang: Language) -> int:
    """Show every number with its reason. Runs nothing."""
    from orchestrator import pipeline
    from orchestrator.report import tell

    done = pipeline.prepare(recipe, overrides)
    if done.plan is None:
        return tell.checked(done.verdict, done.problems, done.dataset, done.plan, form, lang)
    return tell.planned(done.plan, done.problems, form, lang)


@cli.command(name="compile")
@_recipe_verb
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="New or empty folder for the trainer's files.",
)
def compile_(recipe: Path, overrides: tuple[str, ...], form: str, lang: Language, output: Path) -> int:
    """Write the trainer's files and print its command. Runs nothing."""
    from orchestrator import pipeline
    from orchestrator.report import tell
    from orchestrator.run.create import write_build_to

    done = pipeline.prepare(recipe, overrides)
    if done.build is None or done.is_refused:
        return tell.checked(done.verdict, done.problems, done.dataset, done.plan, form, lang)
    write_build_to(output, done.build)
    return tell.compiled(done.build, output, form, lang)


@cli.command()
@click.argument("name")
@click.option("--from", "old", required=True, type=click.Path(path_type=Path), help="Recipe of another character.")
@click.option("--images", required=True, type=click.Path(path_type=Path), help="Folder of the new pictures.")
@click.option("--trigger", help="The new trigger word; default: the old one stays.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="File to write; default: NAME.yaml. Never overwritten."
)
@_format
@_lang
def new(name: str, old: Path, images: Path, trigger: str | None, output: Path | None, form: str, lang: Language) -> int:
    """Write the recipe of the next character from that of another one."""
    from orchestrator import pipeline
    from orchestrator.report import tell

    written = pipeline.write_new_recipe(name, old, images, trigger, output)
    return tell.written(written.path, written.notes, form, lang)


@cli.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for the report; default: the run folder.")
@_format
@_lang
def diagnose(path: Path, output: Path | None, form: str, lang: Language) -> int:
    """Judge a run folder, or an output or logging folder of any kohya front end."""
    from orchestrator.report import tell
    from orchestrator.report.judged import diagnose as judge_folder

    done = judge_folder(path, lang, output)
    return tell.finished(done.report, done.files, done.problems, form, lang)


@cli.command()
@click.argument("rule")
@_format
@_lang
def explain(rule: str, form: str, lang: Language) -> int:
    """Print the page of a rule, by id or name."""
    from orchestrator.diagnose.pages import explain as page
    from orchestrator.report import tell

    return tell.page(rule, page(rule, lang), form)


@cli.group()
def vendor() -> None:
    """Fetch or adopt a trainer."""


@vendor.command()
@click.argument("name", default="sd-scripts")
@click.option(
    "--from",
    "source",
    metavar="URL_OR_PATH",
    help="Another place to fetch the pinned commit from, e.g. a local mirror.",
)
@click.option("--path", type=click.Path(path_type=Path), help="Adopt this checkout instead of fetching one.")
@click.option("--python", metavar="EXE", help="Adopt this interpreter instead of making an environment.")
@click.option("--commit", metavar="SHA", help="Another commit than the pinned one.")
@click.option("--cuda", metavar="NAME", help="Which pinned torch build: cpu, cu124 ...; default: what fits the driver.")
@click.option(
    "--allow-changes", is_flag=True, help="Adopt a checkout with local edits; every run and report will say so."
)
@_format
@_lang
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
    from orchestrator.report import tell
    from orchestrator.run.vendor import install as install_trainer

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
    return tell.installed(trainer, told, form, lang)


@cli.command()
@_format
@_lang
def doctor(form: str, lang: Language) -> int:
    """Say what this machine has, and how to mend what is missing."""
    from orchestrator.report import tell
    from orchestrator.run.doctor import examine

    return tell.examined(examine(), form, lang)


@cli.command()
@click.argument("runs_dir", default="runs", type=click.Path(path_type=Path))
@click.option("--port", default=6006, show_default=True, help="Port on this machine; nobody else can reach it.")
@_format
@_lang
def board(runs_dir: Path, port: int, form: str, lang: Language) -> int:
    """Open TensorBoard over the runs (extra `board`). With `--format json` only errors are JSON."""
    from orchestrator.report import tell
    from orchestrator.run.board import open_board

    return open_board(runs_dir, port, lambda text: tell.line(text, form, lang))


def main() -> None:
    """Run a verb and exit with its code. A user's mistake is told in lines, never as a traceback."""
    import gc

    from orchestrator.core.errors import EXIT_ENVIRONMENT, EXIT_INTERRUPTED, EXIT_OWN_BUG, OrchestratorError

    gc.freeze()  # what is imported stays; looking through it again and again costs a tenth of the start
    gc.set_threshold(200_000)  # and so does what is imported next
    try:
        sys.exit(cli.main(standalone_mode=False) or 0)
    except click.exceptions.Exit as ended:
        sys.exit(ended.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)  # as the shell says of a closed pipe; 0 would call a refusal fine
    except OrchestratorError as error:
        from orchestrator.report import tell

        tell.problems(error.problems, *_asked_for(sys.argv))
        sys.exit(error.exit_code)
    except OSError as error:
        from orchestrator.report import tell
        from orchestrator.report.make import refused_by_system

        tell.problems([refused_by_system(error)], *_asked_for(sys.argv))
        sys.exit(EXIT_ENVIRONMENT)
    except Exception:  # noqa: BLE001  the last line of defence: a bug of ours, with what is needed to report it
        import traceback

        traceback.print_exc()
        click.echo(f"lora-run {__version__} has a bug; please report the lines above with what you did", err=True)
        sys.exit(EXIT_OWN_BUG)


def _asked_for(argv: list[str]) -> tuple[str, Language]:
    """Return form and language as asked for on the command line: an error is told in them too."""
    words = [word for argument in argv for word in argument.split("=", 1)]
    after = dict(pairwise(words))
    wanted = after.get("--lang")
    return ("json" if after.get("--format") == "json" else "text"), _language_of(wanted)


if __name__ == "__main__":
    main()
