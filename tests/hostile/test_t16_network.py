"""What would fetch from or send to the network: not reachable from a recipe that nobody vouched for; nothing listens."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.run.installed.trusted import trust
from tests.hostile.fake_run import REPOSITORY, adopt_trainer
from tests.hostile.trying import look, sources

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., Path]

FETCHES: dict[str, dict[str, Any]] = {
    "base": {"base_model": {"pretrained_model_name_or_path": "someone/model"}},
    "base with dots": {"base_model": {"pretrained_model_name_or_path": "some.one/model-v1.5"}},
    "vae": {"trainer_args": {"vae": "someone/vae"}},
    "base weights": {"trainer_args": {"base_weights": ["someone/lora"]}},
    "control net": {"trainer_args": {"controlnet_model_name_or_path": "someone/net"}},
    "resume": {"trainer_args": {"resume_from_huggingface": True}},
    "resume from": {"trainer_args": {"resume": "someone/state"}},
    "tracker": {"trainer_args": {"log_tracker_config": "tracker.toml"}},
    "wandb": {"trainer_args": {"log_with": "wandb"}},
    "all trackers": {"trainer_args": {"log_with": "all"}},
}
UPLOADS: dict[str, Any] = {
    "huggingface_repo_id": "me/leak", "huggingface_repo_type": "model", "huggingface_path_in_repo": "x", "huggingface_token": "x",
    "huggingface_repo_visibility": "public", "save_state_to_huggingface": True, "resume_from_huggingface": True, "async_upload": True,
    "wandb_api_key": "x", "wandb_run_name": "x",
}  # fmt: skip
SERVERS = {"socketserver", "http.server", "wsgiref", "flask", "fastapi", "uvicorn", "aiohttp"}
RELIABILITY = {
    "T14": "no module of the tool imports a server; TensorBoard is started for this machine alone",
    "T16": f"{len(FETCHES)} recipes that would fetch or call home; a whole run in a network namespace without a route",
    "T17": f"{len(UPLOADS)} upload options, as trainer arguments and at the top of the recipe",
    "I13": "a run without any route: the verb, the trainer it starts and the report",
}


@pytest.mark.parametrize("name", FETCHES)
def test_a_recipe_that_reaches_for_the_network_is_refused(recipe: Write, name: str) -> None:
    build, problems = look(recipe(**FETCHES[name]))
    assert build is None, problems
    assert problems


@pytest.mark.parametrize("option", UPLOADS)
def test_a_recipe_that_uploads_is_refused_even_where_it_is_trusted(recipe: Write, option: str) -> None:
    for changes in ({"trainer_args": {option: UPLOADS[option]}}, {option: UPLOADS[option]}):
        build, problems = look(recipe(**changes))
        assert build is None
        assert option in " ".join(problem.what.en for problem in problems)


def test_a_model_of_hugging_face_needs_trust(recipe: Write) -> None:
    path = recipe(**FETCHES["base"])
    (problem,) = look(path)[1]
    assert problem.code == "model-from-the-network"
    trust(path)
    build, problems = look(path)
    assert problems == ()
    assert build is not None
    assert "HF_HUB_OFFLINE" not in build.commands[0].environment


def test_a_run_is_offline_where_nothing_is_left_to_fetch(recipe: Write, tmp_path: Path) -> None:
    (tmp_path / "tokenizers").mkdir()
    for changes in (
        {"base_model": {"tokenizer_cache_dir": "tokenizers"}},
        {"base_model": {"family": "pocket", "pretrained_model_name_or_path": "pocket"}},
    ):
        build, _ = look(recipe(**changes))
        assert build is not None
        assert build.commands[0].environment["HF_HUB_OFFLINE"] == "1"
        assert build.commands[0].environment["WANDB_MODE"] == "disabled"


def namespace() -> list[str] | None:
    """What starts a program without any network, where the system allows it."""
    program = shutil.which("unshare")
    words = [program or "", "--user", "--map-root-user", "--net"]
    can = program is not None and subprocess.run([*words, "true"], capture_output=True, check=False).returncode == 0
    return words if can else None


def test_a_whole_run_without_any_route(recipe: Write, home: Path, tmp_path: Path) -> None:
    without = namespace()
    if without is None:
        pytest.skip("network namespaces are not permitted here")
    adopt_trainer(home, tmp_path / "trainer")
    done = subprocess.run(
        [*without, sys.executable, "-m", "orchestrator.cli", recipe().name, "--share-gpu"],
        cwd=tmp_path, capture_output=True, check=False, text=True, timeout=120,
        env={"PYTHONPATH": str(REPOSITORY), "LORA_ORCHESTRATOR_HOME": str(home), "LANG": "en", "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert done.returncode == 3, done.stdout + done.stderr
    assert (tmp_path / "runs" / "alice-001" / "report.html").is_file()


def test_nothing_listens() -> None:
    found = [name for name, nodes in sources() if any(_serves(node) for node in nodes)]
    assert found == []


def _serves(node: ast.AST) -> bool:
    """Whether a line imports a server or has a socket listen."""
    modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
    modules += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
    parts = {part for module in modules for part in (module, module.partition(".")[0])}
    return bool(SERVERS & parts) or (isinstance(node, ast.Attribute) and node.attr in {"listen", "create_server"})


def test_the_board_is_for_this_machine_alone() -> None:
    words = [
        str(node.value)
        for name, nodes in sources()
        if name == "board.py"
        for node in nodes
        if isinstance(node, ast.Constant)
    ]
    assert "--host" in words or "--bind_all" not in words
    assert not {"--bind_all", "0.0.0.0"} & set(words)  # noqa: S104  looked for
