"""The verbs as users type them: exit codes, JSON, both languages, wrong input."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.core.problem_text import column_width
from orchestrator.run.installed.pins import read_pin
from orchestrator.run.installed.vendor_home import VendorHome, VendorState, write_state
from tests.report.kept_run import keep_run, write_recipe

LORA_RUN = [sys.executable, "-m", "orchestrator.cli"]


def lora_run(*arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `lora-run` in a process of its own."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("LC_", "LANG"))}
    return subprocess.run(
        [*LORA_RUN, *map(str, arguments)],
        cwd=cwd,
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_check_says_what_was_looked_at(sd15_recipe: Path) -> None:
    done = lora_run("check", sd15_recipe.name, cwd=sd15_recipe.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "headers of 14 pictures, 14 captions" in done.stdout
    assert "not looked at: the pixels" in done.stdout


@pytest.mark.parametrize("verb", ["check", "plan"])
def test_json_is_json(sd15_recipe: Path, verb: str) -> None:
    done = lora_run(verb, sd15_recipe.name, "--format", "json", cwd=sd15_recipe.parent)
    body = json.loads(done.stdout)
    assert body["exit_code"] == done.returncode == 0
    assert body["problems"] == []


def test_all_mistakes_at_once_with_their_places(sd15_recipe: Path) -> None:
    sd15_recipe.write_text(
        sd15_recipe.read_text()
        .replace("  target_steps: 1500", "  targt_steps: 1500\n  unet_lr: fast")
        .replace("kind: character", "kind: charakter")
    )
    done = lora_run("check", sd15_recipe.name, cwd=sd15_recipe.parent)
    assert done.returncode == 2
    assert "alice.yaml:5:" in done.stdout
    assert "write `target_steps`" in done.stdout
    assert "alice.yaml:14:" in done.stdout
    assert "3 mistakes" in done.stdout
    assert "Traceback" not in done.stderr + done.stdout


def test_mistakes_are_told_as_json_and_in_chinese(sd15_recipe: Path) -> None:
    sd15_recipe.write_text(sd15_recipe.read_text().replace("target_steps", "targt_steps"))
    done = lora_run("check", sd15_recipe.name, "--format", "json", "--lang", "zh", cwd=sd15_recipe.parent)
    body = json.loads(done.stdout)
    (problem,) = body["problems"]
    assert body["exit_code"] == done.returncode == 2
    assert problem["where"]["line"] == 14
    assert any("\u4e00" <= letter <= "\u9fff" for letter in problem["what"])


def test_language_comes_from_the_locale(sd15_recipe: Path) -> None:
    done = lora_run("check", sd15_recipe.name, cwd=sd15_recipe.parent, LANG="zh_CN.UTF-8", PYTHONUTF8="1")
    assert "未检查" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["chekc", "x"], 2, "did you mean `check`"),
        (["missing.yaml"], 2, "missing.yaml"),
        (["check", "missing.yaml"], 2, "missing.yaml"),
        (["diagnose", "nowhere"], 2, "nowhere"),
        (["explain", "nan-los"], 2, "nan-loss"),
        (["compare"], 2, "two run folders"),
        (["compare", "nowhere", "."], 2, "no such folder"),
        (["next", "nowhere"], 2, "no run folder of this tool"),
        (["next", "."], 2, "no run.json"),
        (["check", "."], 2, "directory"),
        (["new", "bob", "--from", "missing.yaml", "--images", "."], 2, "missing.yaml"),
    ],
)
def test_wrong_input_is_a_line_and_an_exit_code(arguments: list[str], code: int, said: str, tmp_path: Path) -> None:
    done = lora_run(*arguments, cwd=tmp_path)
    assert done.returncode == code, done.stderr
    assert said in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_pictures_that_are_not_there(sd15_recipe: Path) -> None:
    shutil.rmtree(sd15_recipe.parent / "images")
    done = lora_run("check", sd15_recipe.name, cwd=sd15_recipe.parent)
    assert done.returncode == 2
    assert "alice.yaml:12:16" in done.stdout
    assert "refused: nothing was run" in done.stdout
    assert "Nothing fired" not in done.stdout


def test_a_missing_trainer_says_how_to_install_it(sd15_recipe: Path) -> None:
    done = lora_run(sd15_recipe.name, cwd=sd15_recipe.parent, LORA_ORCHESTRATOR_HOME=str(sd15_recipe.parent / "none"))
    assert done.returncode == 4
    assert "lora-run vendor install sd-scripts" in done.stderr
    assert not (sd15_recipe.parent / "runs").exists()


def test_compile_writes_into_new_folders_only(sd15_recipe: Path) -> None:
    done = lora_run("compile", sd15_recipe.name, "-o", "out", cwd=sd15_recipe.parent)
    assert done.returncode == 0, done.stderr
    assert (sd15_recipe.parent / "out" / "train.toml").is_file()
    assert "--config_file train.toml" in done.stdout
    again = lora_run("compile", sd15_recipe.name, "-o", "out", cwd=sd15_recipe.parent)
    assert again.returncode == 2


def test_new_writes_the_next_character_and_never_overwrites(sd15_recipe: Path) -> None:
    shutil.copytree(sd15_recipe.parent / "images", sd15_recipe.parent / "bob-images")
    made = lora_run(
        "new", "bob", "--from", sd15_recipe.name, "--images", "bob-images", "--trigger", "b0b", cwd=sd15_recipe.parent
    )
    assert made.returncode == 0, made.stderr
    text = (sd15_recipe.parent / "bob.yaml").read_text()
    assert "name: bob" in text
    assert "trigger: b0b" in text
    assert "zxq" not in text
    again = lora_run("new", "bob", "--from", sd15_recipe.name, "--images", "bob-images", cwd=sd15_recipe.parent)
    assert again.returncode == 2
    assert (sd15_recipe.parent / "bob.yaml").read_text() == text


def test_explain_prints_a_page_in_both_languages(tmp_path: Path) -> None:
    assert "What it looks for" in lora_run("explain", "nan-loss", cwd=tmp_path).stdout
    assert "NaN" in lora_run("explain", "nan-loss", "--lang", "zh", cwd=tmp_path).stdout


def test_board_without_runs_says_so(tmp_path: Path) -> None:
    done = lora_run("board", cwd=tmp_path)
    assert done.returncode == 2
    assert "runs" in done.stderr


def test_a_closed_pipe_is_no_error(sd15_recipe: Path) -> None:
    command = f"{sys.executable} -m orchestrator.cli plan {sd15_recipe.name} | head -1"
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command], cwd=sd15_recipe.parent, capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr


def test_help_keeps_its_lines_apart(tmp_path: Path) -> None:
    told = lora_run("--help", cwd=tmp_path).stdout
    assert "\\b" not in told
    assert "  lora-run recipe.yaml          check, plan, compile, train, diagnose, report\n" in told


LOGS = Path(__file__).parent.parent / "logs"


@pytest.mark.parametrize("taken", ["file", "folder-inside"])
def test_a_report_that_cannot_be_written_costs_no_verdict(taken: str, tmp_path: Path) -> None:
    target = tmp_path / "out"
    if taken == "file":
        target.write_text("mine")
    else:
        (target / "report.html" / "mine").mkdir(parents=True)
    done = lora_run("diagnose", LOGS / "nan", "-o", target, cwd=tmp_path)
    assert done.returncode == 4
    assert "NaN" in done.stdout
    assert "error[refused-by-system]" in done.stderr
    assert "Traceback" not in done.stderr
    assert taken != "file" or target.read_text() == "mine"


@pytest.mark.parametrize("damage", ["run.json", "plan.json"])
def test_a_damaged_record_is_no_end(damage: str, tmp_path: Path) -> None:
    run = tmp_path / "old-001"
    shutil.copytree(LOGS / "nan", run / "attempts" / "001")
    (run / "run.json").write_text('{"record": "run", "ver')
    (run / damage).write_text("{")
    done = lora_run("diagnose", run, cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert "NaN" in done.stdout
    assert (run / "report.html").is_file()


@pytest.mark.parametrize("verb", ["check", "plan", "compile"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_looking_needs_no_trainer_and_says_that_there_is_none(verb: str, language: str, sd15_recipe: Path) -> None:
    more = ["-o", "out"] if verb == "compile" else []
    home = str(sd15_recipe.parent / "none")
    done = lora_run(
        verb, sd15_recipe.name, *more, "--lang", language, cwd=sd15_recipe.parent, LORA_ORCHESTRATOR_HOME=home
    )
    assert done.returncode == 0, done.stderr
    start = "cannot train here yet: " if language == "en" else "此处还不能训练："
    (line,) = [line for line in done.stdout.splitlines() if line.startswith(start)]
    assert "`lora-run vendor install sd-scripts`" in line
    told = lora_run(
        verb, sd15_recipe.name, *([*more[:1], "out2"] if more else []), "--format", "json",
        cwd=sd15_recipe.parent, LORA_ORCHESTRATOR_HOME=home,
    )  # fmt: skip
    assert json.loads(told.stdout)["trainer_fault"]["code"] == "trainer-not-installed"


@pytest.fixture
def adopted(tmp_path: Path) -> Path:
    """A home in which sd-scripts was adopted with an environment that has torch alone."""
    pin, source, folder = read_pin("sd-scripts"), tmp_path / "sd-scripts", tmp_path / "site-packages"
    (source / ".git").mkdir(parents=True)
    (source / ".git" / "HEAD").write_text(f"{pin.commit}\n")
    (source / "train_network.py").write_text("")
    (folder / "torch-2.6.0.dist-info").mkdir(parents=True)
    home = VendorHome(tmp_path / "home")
    state = VendorState(
        "sd-scripts", source, Path(sys.executable), pin.commit, pin.tree, is_modified=False, changes=(), source="adopted",
        cuda="adopted", installed_at="2026-01-01", package_folders=(str(folder),),
    )  # fmt: skip
    write_state(home, state)
    return home.root


@pytest.mark.parametrize("verb", ["check", "plan", "compile"])
def test_looking_says_which_package_the_trainer_lacks(verb: str, sd15_recipe: Path, adopted: Path) -> None:
    more = ["-o", "out"] if verb == "compile" else []
    place, home = sd15_recipe.parent, str(adopted)
    done = lora_run(verb, sd15_recipe.name, *more, cwd=place, LORA_ORCHESTRATOR_HOME=home)
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("cannot train here yet: ")]
    assert f"{sys.executable} -m pip install bitsandbytes" in line
    assert "or write `optimizer_type: AdamW`" in line
    more = ["-o", "out2", "--format", "json"] if more else ["--format", "json"]
    told = lora_run(verb, sd15_recipe.name, *more, cwd=place, LORA_ORCHESTRATOR_HOME=home)
    assert json.loads(told.stdout)["trainer_fault"]["code"] == "package-missing"
    without = ["--set", "train.optimizer_type=AdamW"]
    fine = lora_run("check", sd15_recipe.name, *without, cwd=place, LORA_ORCHESTRATOR_HOME=home)
    assert "cannot train here yet" not in fine.stdout


def test_a_run_without_its_package_is_refused_before_anything_is_made(sd15_recipe: Path, adopted: Path) -> None:
    place = sd15_recipe.parent
    done = lora_run(sd15_recipe.name, cwd=place, LORA_ORCHESTRATOR_HOME=str(adopted))
    assert done.returncode == 4
    assert "error[package-missing]" in done.stderr
    assert "optimizer_type: AdamW8bit" in done.stderr
    assert not (place / "runs").exists()
    told = lora_run(sd15_recipe.name, "--format", "json", cwd=place, LORA_ORCHESTRATOR_HOME=str(adopted))
    assert json.loads(told.stdout)["exit_code"] == 4


def test_packages_that_were_not_looked_at_are_told(sd15_recipe: Path, adopted: Path) -> None:
    record = adopted / "state" / "sd-scripts.json"
    body = json.loads(record.read_text())
    del body["package_folders"]
    record.write_text(json.dumps(body))
    done = lora_run("check", sd15_recipe.name, cwd=sd15_recipe.parent, LORA_ORCHESTRATOR_HOME=str(adopted))
    assert "not looked at: whether the trainer's environment has bitsandbytes" in done.stdout
    assert "cannot train here yet" not in done.stdout
    told = lora_run(
        "check", sd15_recipe.name, "--format", "json", cwd=sd15_recipe.parent, LORA_ORCHESTRATOR_HOME=str(adopted)
    )
    assert json.loads(told.stdout)["not_looked_at"] == ["pixels", "packages"]


def test_a_trainer_that_is_there_is_not_told(pocket_recipe: Path) -> None:
    pytest.importorskip("peft")
    done = lora_run("check", pocket_recipe.name, cwd=pocket_recipe.parent)
    assert "cannot train here yet" not in done.stdout


def test_a_closed_pipe_is_no_failure_of_ours(sd15_recipe: Path) -> None:
    line = f"{sys.executable} -m orchestrator.cli plan {sd15_recipe.name} | head -1; echo ${{PIPESTATUS[0]}}"
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "PYTHONUNBUFFERED": "1"}
    done = subprocess.run(
        ["bash", "-c", line], cwd=sd15_recipe.parent, capture_output=True, text=True, check=False, env=environment
    )
    first, code = done.stdout.splitlines()
    assert "pictures x repeats" in first
    assert code in {"141", "0"}  # 0: everything was written before `head` had read its line
    assert done.stderr == ""


def test_nobody_reads_at_all(sd15_recipe: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(
        [*LORA_RUN, "plan", sd15_recipe.name],
        cwd=sd15_recipe.parent, stdout=writing, stderr=subprocess.PIPE, text=True, check=False, env=environment,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


def test_explain_without_a_rule_lists_them(tmp_path: Path) -> None:
    done = lora_run("explain", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert next(line for line in lines if line.startswith("R030 ")).split()[:5] == [
        "R030",
        "nan-loss",
        "after",
        "the",
        "run",
    ]
    assert "stable" in next(line for line in lines if line.startswith("R030 "))
    listed = json.loads(lora_run("explain", "--format", "json", "--lang", "zh", cwd=tmp_path).stdout)["rules"]
    assert len(listed) > 40
    assert set(listed[0]) == {"id", "name", "phase", "maturity", "title"}
    (nan,) = [rule for rule in listed if rule["name"] == "nan-loss"]
    assert any("\u4e00" <= letter <= "\u9fff" for letter in nan["title"])


@pytest.fixture(scope="module")
def two_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the runs cup-001 and cup-002; the second one shook."""
    folder = tmp_path_factory.mktemp("two")
    recipe = write_recipe(folder)
    keep_run(recipe)
    keep_run(recipe, ["train.unet_lr=0.5", "train.target_steps=120"], gain=-0.3)
    return folder


@pytest.mark.parametrize("language", ["en", "zh"])
def test_runs_side_by_side(language: str, two_runs: Path) -> None:
    done = lora_run("compare", "runs/cup-001", "runs/cup-002", "--lang", language, cwd=two_runs)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["cup-001", "cup-002"]
    (lr,) = [line for line in lines if "train.unet_lr" in line]
    assert lr.split()[-2:] == ["0.002", "0.5"]
    (held,) = [line for line in lines if ("held-out pictures" if language == "en" else "留出图片相对") in line]
    assert float(held.split()[-2]) < -35 < 25 < float(held.split()[-1])
    assert all(column_width(line) <= 80 for line in lines)


def test_runs_side_by_side_for_programs(two_runs: Path) -> None:
    body = json.loads(lora_run("compare", "runs/cup-001", "runs/cup-002", "--format", "json", cwd=two_runs).stdout)
    assert (body["exit_code"], body["names"]) == (0, ["cup-001", "cup-002"])
    schema = json.loads((Path(__file__).parents[2] / "docs" / "report.schema.json").read_text(encoding="utf-8"))
    assert set(body) - {"exit_code"} == set(schema["$defs"]["comparison"]["required"])
    told = json.loads((two_runs / "runs" / "cup-002" / "report.json").read_text(encoding="utf-8"))["compared"]
    assert {key: value for key, value in body.items() if key != "exit_code"} == told


@pytest.mark.parametrize("language", ["en", "zh"])
def test_what_follows_from_a_run(language: str, two_runs: Path) -> None:
    done = lora_run("next", "runs/cup-002", "--lang", language, cwd=two_runs)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "cup-002 -> runs/cup-002/next.yaml"
    assert lines[-1] == "lora-run runs/cup-002/next.yaml"
    (change,) = [line for line in lines if line.startswith("  train.unet_lr: 0.5 -> ")]
    rule = change.split("  ")[2].split()
    assert rule[0].startswith("R")
    assert any(line.startswith("+ ") and rule[1] in line for line in lines)


def test_what_follows_is_written_elsewhere_but_over_nothing(two_runs: Path) -> None:
    done = lora_run("next", "runs/cup-002", "-o", "second.yaml", "--format", "json", cwd=two_runs)
    body = json.loads(done.stdout)
    assert (done.returncode, body["written"]) == (0, "second.yaml")
    assert all(one["is_in_file"] and one["rule"] for one in body["applied"])
    assert lora_run("check", "second.yaml", cwd=two_runs).returncode in (0, 1)
    again = lora_run("next", "runs/cup-002", "-o", "second.yaml", cwd=two_runs)
    assert again.returncode == 2
    assert "there already" in again.stderr


def test_a_run_ends_with_what_changed_since_the_one_before(two_runs: Path) -> None:
    done = lora_run("diagnose", "runs/cup-002", "-o", "again", cwd=two_runs)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("against cup-001: ")]
    assert "train.unet_lr 0.002 -> 0.5" in line
    assert "(was -39" in line


def test_the_schema_is_the_shipped_one(tmp_path: Path) -> None:
    done = lora_run("schema", cwd=tmp_path)
    shipped = Path(__file__).parents[2] / "recipes" / "recipe.schema.json"
    assert json.loads(done.stdout) == json.loads(shipped.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    "verb",
    [
        "",
        "run",
        "check",
        "plan",
        "compile",
        "new",
        "diagnose",
        "compare",
        "resume",
        "status",
        "list",
        "logs",
        "stop",
        "attach",
        "next",
        "explain",
        "doctor",
        "board",
        "dataset",
    ],
)
def test_help_fits_a_terminal_and_cuts_nothing(verb: str, tmp_path: Path) -> None:
    done = lora_run(*([verb] if verb else []), "--help", cwd=tmp_path, COLUMNS="80")
    assert all(len(line) <= 80 for line in done.stdout.splitlines())
    assert not any(line.endswith("...") for line in done.stdout.splitlines() if not line.startswith("Usage"))
