"""Secrets planted wherever people keep them: none is in an argument, a log, a record, the report or on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.hostile.fake_run import adopt_trainer, lora_run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., Path]

CANARIES = {
    "HF_TOKEN": "hf_canaryAAAAAAAAAAAAAAAAAAAA",
    "WANDB_API_KEY": "0123456789abcdefcafe0123456789abcdefcafe",
    "AWS_SECRET_ACCESS_KEY": "canary/wJalrXUtnFEMI/K7MDENG",
    ".netrc": "canary-netrc-password",
    "git address": "canary-git-password",
    "recipe": "hf_canaryBBBBBBBBBBBBBBBBBBBB",
    "caption": "hf_canaryCCCCCCCCCCCCCCCCCCCC",
    "prompt": "sk-canaryDDDDDDDDDDDDDDDDDDDD",
}
ENVIRONMENT = {name: value for name, value in CANARIES.items() if name.isupper()}
REFUSED: dict[str, dict[str, Any]] = {
    "recipe": {"trainer_args": {"huggingface_token": CANARIES["recipe"]}},
    "prompt": {"sample": {"prompts": [f"zxq, {CANARIES['prompt']}"]}},
}
RELIABILITY = {
    "T11": f"{len(CANARIES)} canaries ({', '.join(CANARIES)}); a run whose trainer prints its environment and dies",
    "I03": f"{len(CANARIES)} canaries: 0 in run folder, report, terminal and command lines",
    "I04": "the text of accelerate's CalledProcessError, with each canary of the environment",
    "I05": "run.json names variables and holds no value",
}


def hits(text: str) -> list[str]:
    return [name for name, value in CANARIES.items() if value in text]


def test_a_run_that_dies_talking_leaves_no_secret(recipe: Write, home: Path, tmp_path: Path) -> None:
    adopt_trainer(home, tmp_path / "trainer")
    (tmp_path / ".netrc").write_text(f"machine example.org login me password {CANARIES['.netrc']}\n")
    (tmp_path / ".netrc").chmod(0o600)
    path = recipe()
    done = lora_run(path.name, "--share-gpu", cwd=tmp_path, environment={"HOME": str(tmp_path), **ENVIRONMENT})
    assert done.returncode == 3, done.stdout + done.stderr
    assert hits(done.stdout + done.stderr) == []
    (run,) = (tmp_path / "runs").iterdir()
    files = [file for file in run.rglob("*") if file.is_file() and not file.is_symlink()]
    assert {"run.json", "report.html", "report.json", "console.log", "train.toml"} <= {file.name for file in files}
    assert [
        (file.name, hits(file.read_bytes().decode("utf-8", "replace"))) for file in files if hits(file.read_text())
    ] == []
    log = next(file for file in files if file.name == "console.log").read_text()
    assert "HF_TOKEN" in log  # it was printed, and hidden
    assert "CalledProcessError: Command '['python', '--token', '***'" in log
    assert "in a command line: 0 of True" in log
    record = (run / "run.json").read_text()
    assert '"environment_names"' in record
    for verb in ("diagnose", "next"):
        said = lora_run(verb, str(run), cwd=tmp_path, environment={"HOME": str(tmp_path), **ENVIRONMENT})
        assert hits(said.stdout + said.stderr) == []


@pytest.mark.parametrize("place", REFUSED)
@pytest.mark.parametrize("form", ["text", "json"])
def test_a_recipe_with_a_secret_is_refused_without_repeating_it(
    recipe: Write, tmp_path: Path, place: str, form: str
) -> None:
    path = recipe(**REFUSED[place])
    done = lora_run(path.name, "--format", form, cwd=tmp_path)
    assert done.returncode == 2
    assert hits(done.stdout + done.stderr) == []
    assert not (tmp_path / "runs").exists()


def test_a_caption_with_a_secret_is_refused_without_repeating_it(recipe: Write, images: Path, tmp_path: Path) -> None:
    (images / "3.txt").write_text(f"zxq, man, {CANARIES['caption']}")
    done = lora_run("run", recipe().name, cwd=tmp_path)
    assert done.returncode == 2
    assert "secret-in-caption" in done.stdout
    assert "3.txt" in done.stdout
    assert hits(done.stdout + done.stderr) == []


def test_an_address_with_a_password_is_told_without_it(tmp_path: Path, home: Path) -> None:
    address = f"https://me:{CANARIES['git address']}@127.0.0.1:9/x.git"
    done = lora_run(
        "vendor", "install", "--from", address, cwd=tmp_path, environment={"LORA_ORCHESTRATOR_HOME": str(home)}
    )
    assert done.returncode == 4
    assert hits(done.stdout + done.stderr) == []
