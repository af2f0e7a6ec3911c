"""A model is found in a folder or in the cache; the Hub is only asked when the user said so."""

from __future__ import annotations

import hashlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.errors import EnvironmentFault, InputError
from orchestrator.dataset.caption_models.files import HubModel, find_files, parse_model

if TYPE_CHECKING:
    from collections.abc import Iterator

constants = pytest.importorskip("huggingface_hub.constants")

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MODEL = HubModel("somebody/some-tagger", "v2.0")
NAMES = ("model.onnx", "selected_tags.csv")
CONTENT = {"model.onnx": b"onnx" * 100, "selected_tags.csv": b"name,category\n"}


class _Hub(BaseHTTPRequestHandler):
    """As much of the Hub as a download needs."""

    asked: list[str]

    def _answer(self) -> bytes | None:
        self.asked.append(self.path)
        _, owner, name, verb, revision, file = [*self.path.split("/"), *[""] * 6][:6]
        error = ""
        if f"{owner}/{name}" != MODEL.repo:
            error = "RepoNotFound"
        elif revision not in {MODEL.revision, COMMIT}:
            error = "RevisionNotFound"
        elif verb != "resolve" or file not in CONTENT:
            error = "EntryNotFound"
        if error:
            self.send_response(404)
            self.send_header("X-Error-Code", error)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return None
        body = CONTENT[file]
        self.send_response(200)
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return body

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        body = self._answer()
        if body is not None:
            self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Not into the test's output."""


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Stand in for the Hub and for the user's cache; what was asked for."""
    requests: list[str] = []
    kind = type("Hub", (_Hub,), {"asked": requests})
    with ThreadingHTTPServer(("127.0.0.1", 0), kind) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setattr("time.sleep", lambda _: None)  # it tries a dead network five times over
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        yield requests
        server.shutdown()


def test_a_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    for name in NAMES:
        (tmp_path / name).write_bytes(b"x")
    found = find_files(tmp_path, NAMES)
    assert found.paths == {name: tmp_path / name for name in NAMES}
    assert found.name == tmp_path.name


def test_a_folder_that_lacks_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"x")
    with pytest.raises(InputError, match=r"lacks `selected_tags\.csv`"):
        find_files(tmp_path, NAMES)


def test_nothing_is_fetched_without_being_asked(asked: list[str]) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        find_files(MODEL, NAMES)
    assert asked == []
    problem = caught.value.problems[0]
    assert problem.code == "model-not-downloaded"
    assert problem.fix is not None
    for way in (
        "--download",
        "https://huggingface.co/somebody/some-tagger/tree/v2.0",
        "--model FOLDER",
        "`model.onnx`",
    ):
        assert way in problem.fix.en


def test_a_download_is_kept_and_then_found_without_the_network(asked: list[str]) -> None:
    found = find_files(MODEL, NAMES, download=True)
    assert {name: path.read_bytes() for name, path in found.paths.items()} == CONTENT
    assert found.name == f"somebody/some-tagger@{COMMIT}"
    assert all("/resolve/v2.0/" in path for path in asked if MODEL.repo in path)
    asked.clear()
    assert find_files(MODEL, NAMES).paths == found.paths
    assert asked == []


def test_offline_is_obeyed_and_named(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(EnvironmentFault) as caught:
        find_files(MODEL, NAMES, download=True)
    assert asked == []
    assert "HF_HUB_OFFLINE" in str(caught.value.problems[0].why)


@pytest.mark.parametrize(
    ("model", "name", "words"),
    [
        (HubModel("somebody/some-tagger", "v9"), "model.onnx", "has no revision `v9`"),
        (HubModel("nobody/nothing", "main"), "model.onnx", "does not know nobody/nothing"),
        (MODEL, "other.onnx", "holds no `other.onnx`"),
    ],
)
def test_what_the_hub_does_not_have_is_told_apart(asked: list[str], model: HubModel, name: str, words: str) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        find_files(model, (name,), download=True)
    assert asked
    assert caught.value.problems[0].code == "model-not-on-hub"
    assert words in str(caught.value)


def test_no_network_is_told_with_the_way_by_hand(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(EnvironmentFault) as caught:
        find_files(MODEL, NAMES, download=True)
    problem = caught.value.problems[0]
    assert problem.code == "model-download-failed"
    assert "HF_ENDPOINT" in str(problem.fix)
    assert "--model FOLDER" in str(problem.fix)
    assert asked == []


def test_names_of_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_model("owner/name") == HubModel("owner/name", "main")
    assert parse_model("owner/name@v2.0") == HubModel("owner/name", "v2.0")
    (tmp_path / "owner" / "name").mkdir(parents=True)
    assert parse_model("owner/name") == Path("owner/name")
    for text in ("nowhere", "./a/b/c", "https://huggingface.co/a/b", "a/b@", "../x/y"):
        with pytest.raises(InputError):
            parse_model(text)
