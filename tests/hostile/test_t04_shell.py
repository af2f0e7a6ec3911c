"""Text that a shell would run: no shell is there, the command is the same whatever the recipe says, and the text arrives as it was."""

from __future__ import annotations

import ast
import sys
from typing import TYPE_CHECKING

import toml

from orchestrator.backends.protocol import Command
from orchestrator.run.process.process_group import start
from tests.hostile.counts import count
from tests.hostile.trying import look, sources

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    Write = Callable[..., Path]

CANARY = "shell-canary"
FORMS = (
    "; {0}", "&& {0}", "|| {0}", "| {0}", "& {0}", "$({0})", "`{0}`", "${{IFS}}{0}", "\\n{0}", "'; {0}; '", '"; {0}; "', "'$({0})'",
    '" && {0} && "', "a; {0} #", "%COMSPEC% /c {0}", "^& {0}", "%PATH%;{0}", "<({0})", ">{1}", ">>{1}", "<<EOF {0} EOF", "$[{0}]",
    "{{a,{0}}}", "*; {0}", "~; {0}", "!; {0}", "-{0}", "--{0}", "--config_file={1}", "-c {0}", "@{1}", "\\; {0}", "\u037e {0}", "\uff1b {0}",
    "$'{0}'", "(({0}))", "x=({0})", "\\\\x3b {0}", "\u2028{0}", "&#59; {0}",
)  # fmt: skip
ORDERS = (
    f"touch {CANARY}",
    f"touch${{IFS}}{CANARY}",
    f"cmd /c echo x>{CANARY}",
    f'python -c \'open("{CANARY}","w")\'',
    f":>{CANARY}",
)
PAYLOADS = tuple(form.format(order, CANARY) for form in FORMS for order in ORDERS)
SHELLS = {"system", "popen", "execl", "execlp", "spawnl", "spawnlp", "create_subprocess_shell"}
TRIED = PAYLOADS[:: count(1, 5)]
METADATA = ("author", "description", "license", "tags", "training_comment")
WORDS = ("vae", "network_weights", "pretrained_model", "optimizer", "class", "network module")
ENUMERATED = ("optimizer_type", "lr_scheduler")
RELIABILITY = {
    "T04": f"{len(PAYLOADS)} payloads in every text field of a recipe, and as arguments of a process (with LORA_FULL=1; {len(PAYLOADS[::5])} "
    "recipes at each change)",
    "I11": f"{len(PAYLOADS)} payloads: canary absent, text byte-equal or refused",
}


def test_free_text_arrives_as_it_was_and_no_command_holds_it(
    recipe: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    good, _ = look(recipe())
    assert good is not None
    arrived = 0
    for text in TRIED:
        build, _ = look(recipe(metadata=dict.fromkeys(METADATA, text), sample={"prompts": [text]}))
        if build is not None:
            arrived += 1
            told = toml.loads(build.files["train.toml"])
            assert {told[key if key == "training_comment" else f"metadata_{key}"] for key in METADATA} == {text}
            assert build.commands == good.commands
        named, _ = look(recipe(name=text[:100], subject={"trigger": text, "class_tokens": text}))
        if named is not None:
            assert named.commands == good.commands
            assert toml.loads(named.files["train.toml"])["metadata_trigger_phrase"] == text
    assert arrived > 0.9 * len(TRIED)  # a prompt that begins with an option, and a separator of lines, are refused
    assert not (tmp_path / CANARY).exists()


def test_where_only_names_or_files_may_stand_it_is_refused(recipe: Write, tmp_path: Path) -> None:
    for text in TRIED:
        path = recipe(
            base_model={"pretrained_model_name_or_path": text, "vae": text},
            network={"network_module": text, "network_weights": text},
            train=dict.fromkeys(ENUMERATED, text),
            trainer_args={"lr_scheduler_type": text},
        )
        build, problems = look(path)
        assert build is None
        if problems[0].code != "control-character":
            told = " ".join(problem.what.en for problem in problems)
            assert all(word in told for word in WORDS), told
    assert not list(tmp_path.rglob(CANARY))


def test_arguments_reach_a_process_byte_for_byte(tmp_path: Path) -> None:
    program = "import sys, json; print(json.dumps(sys.argv[1:]))"
    command = Command((sys.executable, "-S", "-c", program, *PAYLOADS))
    process = start(command.argv, tmp_path, {"PYTHONUTF8": "1"}, "t04")
    said, _ = process.communicate(timeout=60)
    assert ast.literal_eval(said.decode()) == list(PAYLOADS)
    assert not (tmp_path / CANARY).exists()


def test_no_line_of_the_tool_uses_a_shell() -> None:
    """`shell=True`, `os.system` and their kin are nowhere, and no command is one text."""
    found = [
        f"{name}:{node.lineno}"
        for name, nodes in sources()
        for node in nodes
        if isinstance(node, ast.Call)
        and (_asks_for_a_shell(node) or _is_one_text(node) or _of(node, "os", "asyncio") in SHELLS)
    ]
    assert found == []


def _asks_for_a_shell(call: ast.Call) -> bool:
    return any(word.arg == "shell" and getattr(word.value, "value", True) is not False for word in call.keywords)


def _is_one_text(call: ast.Call) -> bool:
    is_start = _of(call, "subprocess") is not None and call.args
    return bool(is_start) and isinstance(call.args[0], (ast.JoinedStr, ast.Constant, ast.BinOp))


def _of(call: ast.Call, *modules: str) -> str | None:
    """The name of a called function of one of `modules`."""
    function = call.func
    is_its = isinstance(function, ast.Attribute) and getattr(function.value, "id", "") in modules
    return function.attr if isinstance(function, ast.Attribute) and is_its else None
