"""The verbs. The only module that exits the process; everything heavy is imported inside a verb."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from orchestrator import __version__, cli_machine, cli_runs
from orchestrator.cli_dataset import dataset
from orchestrator.command_line import CONTEXT, RecipeFirst, asked_for, in_form, in_language, recipe_verb

if TYPE_CHECKING:
    from orchestrator.core.text import Language
    from orchestrator.prepared import Prepared


@click.group(cls=RecipeFirst, context_settings=CONTEXT)
@click.version_option(__version__, prog_name="lora-run", message="%(prog)s %(version)s")
def cli() -> None:
    """One YAML recipe in, a trained LoRA and an honest diagnosis out.

    \b
    lora-run recipe.yaml          check, plan, compile, train, diagnose, report
    lora-run check recipe.yaml    only look: recipe, pictures, captions
    lora-run diagnose FOLDER      judge a run, also one made by another front end
    """  # noqa: D301  click wants the backspace itself, it keeps the lines apart


cli.add_command(dataset)
for verb in (*cli_runs.VERBS, *cli_machine.VERBS):
    cli.add_command(verb)


@cli.command()
@recipe_verb
@click.option(
    "--runs-dir", type=click.Path(path_type=Path), help="Where runs lie (default: the recipe's, else `runs`)."
)
@click.option("--no-stop", is_flag=True, help="Never stop the trainer early.")
@click.option("--share-gpu", is_flag=True, help="Train though another run uses the GPU.")
@cli_runs.in_background
def run(
    recipe: Path,
    overrides: tuple[str, ...],
    form: str,
    lang: Language,
    runs_dir: Path | None,
    no_stop: bool,
    share_gpu: bool,
    detach: bool,
) -> int:
    """Do all of it: check, plan, compile, train, diagnose, report."""

    def work(on_begin: cli_runs.OnBegin) -> int:
        from orchestrator import pipeline
        from orchestrator.prepared import Prepared
        from orchestrator.report.watcher import Watcher
        from orchestrator.run.records.private import keep_private

        keep_private()
        with Watcher(sys.stderr if form == "json" else sys.stdout, lang, on_begin) as watcher:
            done = pipeline.run_recipe(
                recipe, overrides, watcher, lang, runs_dir=runs_dir, may_stop=not no_stop, shares_gpu=share_gpu
            )
        if isinstance(done, Prepared):
            return _checked(done, form, lang)
        from orchestrator.report import tell

        return tell.finished(done.report, done.files, done.problems, form, lang)

    return cli_runs.detached(work, form, lang) if detach else work(cli_runs.stay)


def _checked(done: Prepared, form: str, lang: Language) -> int:
    from orchestrator.report import tell

    return tell.checked(
        done.verdict, done.problems, done.dataset, done.plan, done.trainer_fault, done.unseen, form, lang
    )


@cli.command()
@recipe_verb
def check(recipe: Path, overrides: tuple[str, ...], form: str, lang: Language) -> int:
    """Look at recipe, picture headers and captions. Runs nothing."""
    from orchestrator.prepared import prepare

    return _checked(prepare(recipe, overrides), form, lang)


@cli.command()
@recipe_verb
def plan(recipe: Path, overrides: tuple[str, ...], form: str, lang: Language) -> int:
    """Show every number with its reason. Runs nothing."""
    from orchestrator.prepared import prepare
    from orchestrator.report import tell

    done = prepare(recipe, overrides)
    if done.plan is None:
        return _checked(done, form, lang)
    return tell.planned(done.plan, done.problems, done.trainer_fault, done.unseen, form, lang)


@cli.command(name="compile")
@recipe_verb
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    help="New or empty folder.",
)
def compile_(recipe: Path, overrides: tuple[str, ...], form: str, lang: Language, output: Path) -> int:
    """Write the trainer's files and print its command. Runs nothing."""
    from orchestrator.prepared import prepare
    from orchestrator.report import tell
    from orchestrator.run.records.create import write_build_to

    done = prepare(recipe, overrides)
    if done.build is None or done.is_refused:
        return _checked(done, form, lang)
    write_build_to(output, done.build)
    return tell.compiled(done.build, output, done.trainer_fault, done.unseen, form, lang)


@cli.command()
@click.argument("name")
@click.option("--from", "old", required=True, type=click.Path(path_type=Path), help="Recipe of another character.")
@click.option("--images", required=True, metavar="PATH", help="Folder of the new pictures.")
@click.option("--trigger", help="The new trigger word (default: the old one).")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="New file (default: NAME.yaml).")
@in_form
@in_language
def new(name: str, old: Path, images: str, trigger: str | None, output: Path | None, form: str, lang: Language) -> int:
    """Write the next character's recipe from another one's."""
    from orchestrator import pipeline
    from orchestrator.report import tell

    written = pipeline.write_new_recipe(name, old, images, trigger, output)
    return tell.written(written.path, written.notes, form, lang)


@cli.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Folder for the report (default: PATH itself).")
@in_form
@in_language
def diagnose(path: Path, output: Path | None, form: str, lang: Language) -> int:
    """Judge a run, also one of another kohya front end.

    PATH is a run folder, or an output or logging folder of any kohya front end.
    """
    from orchestrator.report import tell
    from orchestrator.report.judged import diagnose as judge_folder

    done = judge_folder(path, lang, output)
    return tell.finished(done.report, done.files, done.problems, form, lang)


@cli.command(name="next")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("-o", "--output", type=click.Path(path_type=Path), help="Write it to this new file too.")
@in_form
@in_language
def next_(run: Path, output: Path | None, form: str, lang: Language) -> int:
    """Show the recipe that follows from a run, and why.

    RUN is a run folder. Its next.yaml can be run as it is; -o writes it elsewhere, over nothing.
    """
    from orchestrator.report import tell_runs
    from orchestrator.report.following import follow

    return tell_runs.following(follow(run, output), form, lang, output)


@cli.command()
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path), metavar="RUN RUN...")
@in_form
@in_language
def compare(runs: tuple[Path, ...], form: str, lang: Language) -> int:
    """Show what differs between runs, and what it did.

    Each RUN is a run folder; all are judged again by the same rules. Nothing is written.
    """
    from orchestrator.report import tell_runs
    from orchestrator.report.compare import compare_folders

    return tell_runs.compared(compare_folders(runs), form, lang)


@cli.command()
@click.argument("rule", required=False)
@in_form
@in_language
def explain(rule: str | None, form: str, lang: Language) -> int:
    """Print a rule's page; without RULE list all rules."""
    from orchestrator.diagnose.pages import explain as page
    from orchestrator.diagnose.pages import listed_rules
    from orchestrator.report import tell_tool

    return tell_tool.page(rule, page(rule, lang), form) if rule else tell_tool.rules(listed_rules(), form, lang)


@cli.command()
def schema() -> None:
    """Print the JSON schema of a recipe, for editors."""
    from orchestrator.recipe.schema import schema_json

    click.echo(schema_json(), nl=False)


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
        from orchestrator.usage import tell_usage

        sys.exit(tell_usage(error, *asked_for(sys.argv)))
    except (click.Abort, KeyboardInterrupt):
        sys.exit(EXIT_INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)  # as the shell says of a closed pipe; 0 would call a refusal fine
    except OrchestratorError as error:
        from orchestrator.report import tell

        sys.exit(tell.problems(error.problems, *asked_for(sys.argv), error.exit_code))
    except OSError as error:
        from orchestrator.report import tell
        from orchestrator.report.make import refused_by_system

        try:
            sys.exit(tell.problems([refused_by_system(error)], *asked_for(sys.argv), EXIT_ENVIRONMENT))
        except OSError:  # the terminal was closed: nobody can be told
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(EXIT_ENVIRONMENT)
    except Exception:  # noqa: BLE001  the last line of defence: a bug of ours, with what is needed to report it
        import traceback

        traceback.print_exc()
        click.echo(f"lora-run {__version__} has a bug; please report the lines above with what you did", err=True)
        sys.exit(EXIT_OWN_BUG)


if __name__ == "__main__":
    main()
