"""What `vendor install`, `doctor` and `board` say: in the language and the form asked for."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator import cli
from orchestrator.core.text import Text, same
from orchestrator.report import tell_tool
from orchestrator.run.installed.doctor import Check
from orchestrator.run.installed.environment import adopt_interpreter, index_options, make_environment
from orchestrator.run.installed.manifest import changes_text
from orchestrator.run.installed.pins import read_pin
from orchestrator.run.installed.trainers import missing_pocket_packages
from tests.run.small_trainer import TRAIN_NETWORK

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.run.installed.vendor_home import VendorHome

CHINESE = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture
def verb(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Return a function that runs the command line in this process: exit code, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["lora-run", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert isinstance(ended.value.code, int)
        return ended.value.code, *capsys.readouterr()

    return run


@pytest.mark.usefixtures("home", "pinned")
def test_an_installation_is_told_in_chinese(
    upstream: tuple[Path, str, str], verb: Callable[..., tuple[int, str, str]]
) -> None:
    code, out, err = verb("vendor", "install", "--from", str(upstream[0]), "--python", sys.executable, "--lang", "zh")
    lines = out.splitlines()
    assert (code, err) == (0, "")
    assert len(lines) >= 4
    assert [line for line in lines if not CHINESE.search(line)] == []


@pytest.mark.usefixtures("pinned_options", "home")
def test_options_and_edits_are_told_in_chinese(
    upstream: tuple[Path, str, str], installed: VendorHome, verb: Callable[..., tuple[int, str, str]]
) -> None:
    where = ("vendor", "install", "--from", str(upstream[0]), "--python", sys.executable, "--lang", "zh")
    code, out, _ = verb(*where, "--commit", upstream[2])
    assert code == 0
    assert "  train_network: later_option 新增" in out.splitlines()
    (installed.checkout / "train_network.py").write_text(TRAIN_NETWORK.replace("0.5", "0.6"))
    code, _, err = verb(*where)
    assert code == 4
    assert "已更改 train_network.py" in err
    code, out, _ = verb(*where, "--allow-changes")
    assert code == 0
    assert "有意采用的本地修改：已更改 train_network.py" in out.splitlines()
    assert [line for line in out.splitlines() if not CHINESE.search(line) and not line.startswith("  ")] == []


def test_making_an_environment_is_told_in_both_languages(home: VendorHome, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Text] = []
    for name in ("PIP_INDEX_URL", "PIP_NO_INDEX", "PIP_FIND_LINKS", "TORCH_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    pin = read_pin("sd-scripts")
    home.python.parent.mkdir(parents=True)
    home.python.touch()
    make_environment(home, pin, pin.torch[0], "-e .\nbitsandbytes\n", told.append)
    index_options(pin.torch[0], told.append)
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels")
    index_options(pin.torch[0], told.append)
    monkeypatch.setenv("TORCH_INDEX_URL", "https://example.org/cpu")
    index_options(pin.torch[0], told.append)
    assert len(told) == 6
    assert [text for text in told if not CHINESE.search(text.zh) or CHINESE.search(text.en)] == []


def test_another_version_is_told_in_both_languages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("torch", "torchvision", "some_pkg"):
        (tmp_path / f"{name}-1.0.dist-info").mkdir()
        (tmp_path / f"{name}-1.0.dist-info" / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    told: list[Text] = []
    adopt_interpreter(Path(sys.executable), "some-pkg==2.0\n", told.append)
    assert told == [Text("some-pkg is 1.0, the trainer asks for 2.0", "some-pkg 是 1.0，训练器要求的是 2.0")]


@pytest.mark.usefixtures("home")
def test_an_installation_as_json(
    upstream: tuple[Path, str, str], pinned: str, verb: Callable[..., tuple[int, str, str]]
) -> None:
    code, out, err = verb(
        "vendor", "install", "--from", str(upstream[0]), "--python", sys.executable, "--format", "json", "--lang", "en"
    )
    body: dict[str, Any] = json.loads(out)
    assert code == body["exit_code"] == 0
    assert body["trainer"] == {"name": "sd-scripts", "commit": pinned, "is_modified": False}
    assert body["lines"][-1].startswith("sd-scripts is ready: ")
    assert err.splitlines() == body["lines"], "who waits sees the lines while they come"


@pytest.mark.usefixtures("home", "pinned")
def test_a_failed_installation_as_json(verb: Callable[..., tuple[int, str, str]]) -> None:
    code, out, _ = verb("vendor", "install", "--from", "/no/such/mirror.git", "--format", "json", "--lang", "zh")
    (problem,) = json.loads(out)["problems"]
    assert code == 4
    assert problem["code"] == "bad-source"
    assert CHINESE.search(problem["what"])


def test_doctor_speaks_chinese(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: Callable[..., tuple[int, str, str]]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setenv("LORA_ORCHESTRATOR_HOME", str(tmp_path / "home"))
    code, out, _ = verb("doctor", "--lang", "zh")
    assert code == (4 if missing_pocket_packages() else 0)
    for words in ("磁盘剩余", "可用内存", "没有看到 NVIDIA GPU", "sd-scripts: 未安装"):
        assert words in out
    for words in ("free disk", "free memory", "no NVIDIA GPU seen", "not installed", " of ", " at "):
        assert words not in out


def test_doctor_as_json_has_codes_that_no_language_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: Callable[..., tuple[int, str, str]]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    monkeypatch.setenv("LORA_ORCHESTRATOR_HOME", str(tmp_path / "home"))
    bodies = [json.loads(verb("doctor", "--format", "json", "--lang", language)[1]) for language in ("en", "zh")]
    english, chinese = ({check["code"]: check for check in body["checks"]} for body in bodies)
    assert list(english) == list(chinese)
    assert {"lora-run", "free-disk", "free-memory", "gpu", "sd-scripts"} <= set(english)
    assert english["gpu"]["value"] == "no NVIDIA GPU seen"
    assert chinese["gpu"]["value"] == "没有看到 NVIDIA GPU"
    assert chinese["gpu"]["status"] == "warn"
    assert CHINESE.search(chinese["gpu"]["fix"])
    assert chinese["lora-run"]["fix"] is None


@pytest.mark.parametrize(("status", "code"), [("ok", 0), ("warn", 0), ("bad", 4)])
def test_only_what_is_bad_makes_doctor_fail(status: Any, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    check = Check(same("x"), same("y"))
    assert tell_tool.examined([check, replace(check, status=status)], "text", "en") == code
    assert "x: y" in capsys.readouterr().out


def test_many_edits_are_counted_in_both_languages() -> None:
    edits = tuple(f"added {number}.py" for number in range(10))
    text = changes_text(edits)
    assert text.en.endswith("added 7.py; ... 2 more")
    assert text.zh.endswith("新增 7.py；…… 还有 2 项")
    assert changes_text(edits[:1]) == Text("added 0.py", "新增 0.py")


def test_board_tells_its_errors_as_json(tmp_path: Path, verb: Callable[..., tuple[int, str, str]]) -> None:
    code, out, err = verb("board", str(tmp_path / "none"), "--format", "json", "--lang", "zh")
    (problem,) = json.loads(out)["problems"]
    assert (problem["code"], code) in {("no-runs-folder", 2), ("no-tensorboard", 4)}, "TensorBoard is an extra"
    assert CHINESE.search(problem["what"])
    assert err == ""


def test_board_says_where_it_serves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: Callable[..., tuple[int, str, str]]
) -> None:
    called: list[tuple[str, ...]] = []

    def serve(argv: tuple[str, ...]) -> int:
        called.append(argv)
        return 0

    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: object())
    monkeypatch.setattr("orchestrator.run.process.board._serve", serve)
    code, out, err = verb("board", str(tmp_path), "--port", "6007", "--lang", "zh")
    assert (code, err) == (0, "")
    assert "http://127.0.0.1:6007，按 Ctrl-C 结束" in out
    assert called[0][-4:] == ("--host", "127.0.0.1", "--port", "6007")
    code, out, err = verb("board", str(tmp_path), "--format", "json", "--lang", "en")
    assert (code, out) == (0, "")
    assert "http://127.0.0.1:6006" in err
