"""Model files that would run code when they are opened: refused before anything is started, unless their content was trusted."""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

import pytest

from orchestrator.backends.pickles import pickles_in_folder
from orchestrator.core.errors import RecordError
from orchestrator.prepared import prepare
from orchestrator.run.installed.trusted import distrust, read_trusted, trust, trusted_path
from tests.hostile.fake_run import lora_run
from tests.hostile.files import archive, calling, tensors

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., Path]

NAMES = (
    "exec.ckpt", "system.pt", "popen.bin", "eval.pth", "getattr.pkl", "two-pickles.ckpt", "plain-zip.bin", "old-protocol.pt",
    "renamed.safetensors", "renamed-zip.safetensors", "no-suffix", "odd-suffix.dat",
)  # fmt: skip
KEYS = ("pretrained_model_name_or_path", "vae", "network_weights")
RELIABILITY = {
    "C07": f"{len(NAMES)} pickles as each of {', '.join(KEYS)}: exit 2, canary absent",
    "T07": f"{len(NAMES)} pickles as each of {', '.join(KEYS)}; folders in diffusers layout with pickles in them",
}


def evil(name: str, canary: Path) -> bytes:
    touch, shell = f"open({str(canary)!r}, 'w').close()", f"touch {canary}"
    pickles = {
        "exec": calling(exec, touch),
        "eval": calling(eval, f"__import__('os').system({shell!r})", protocol=4),
        "popen": calling(subprocess.Popen, ["touch", str(canary)]),
        "getattr": calling(getattr, calling, "__globals__", protocol=3),
        "old": calling(os.system, shell, protocol=0),
    }
    if "zip" in name or name.startswith("two"):
        return archive(data=calling(os.system, shell), other=calling(exec, touch))
    return pickles.get(name.partition(".")[0].partition("-")[0], calling(os.system, shell))


def with_file(write: Write, key: str, value: str) -> Path:
    if key == "network_weights":
        return write(network={key: value})
    return write(base_model={key: value})


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("name", NAMES)
def test_a_pickle_is_refused_and_not_opened(recipe: Write, tmp_path: Path, name: str, key: str) -> None:
    canary = tmp_path / "canary"
    (tmp_path / name).write_bytes(evil(name, canary))
    done = prepare(with_file(recipe, key, name))
    (problem,) = done.problems
    assert problem.code == ("model-file" if name.endswith(".safetensors") else "pickle-model-file")
    assert name in problem.what.en
    assert done.is_refused
    assert not canary.exists()
    if name == "renamed-zip.safetensors":
        assert "pickle or zip archive under another name" in problem.what.en


def test_a_pickle_trusted_by_its_content_passes_until_it_changes(recipe: Write, tmp_path: Path) -> None:
    model = tmp_path / "old.ckpt"
    model.write_bytes(archive(data=b"harmless"))
    path = with_file(recipe, "pretrained_model_name_or_path", model.name)
    assert prepare(path).is_refused
    (entry,) = trust(model)
    assert (entry.kind, entry.name, entry.size_bytes) == ("model", "old.ckpt", model.stat().st_size)
    assert prepare(path).problems == ()
    model.write_bytes(archive(data=b"HARMLESS"))  # of the same size
    assert prepare(path).is_refused
    model.rename(tmp_path / "kept.ckpt")
    assert distrust(entry.sha256[:12]) == (entry,)
    assert read_trusted() == ()


def test_a_trusted_recipe_does_not_make_its_pickles_trusted(recipe: Write, tmp_path: Path) -> None:
    (tmp_path / "old.ckpt").write_bytes(archive(data=b"x"))
    path = with_file(recipe, "vae", "old.ckpt")
    trust(path)
    assert [problem.code for problem in prepare(path).problems] == ["pickle-model-file"]


def test_the_record_is_the_users_alone(recipe: Write) -> None:
    old = os.umask(0)
    try:
        trust(recipe())
    finally:
        os.umask(old)
    assert trusted_path().stat().st_mode & 0o777 == 0o600
    assert not trusted_path().parent.stat().st_mode & 0o022


def test_a_record_that_others_may_write_is_not_believed(recipe: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    trust(recipe())
    trusted_path().parent.chmod(0o777)
    with pytest.raises(RecordError) as caught:
        read_trusted()
    assert [problem.code for problem in caught.value.problems] == ["foreign-trust"]
    monkeypatch.setenv("LORA_RUN_SHARED", "1")
    assert len(read_trusted()) == 1


@pytest.mark.parametrize("spoilt", ["kind", "sha256", "entries", "record", "{"])
def test_a_damaged_record_is_told_with_its_path(recipe: Write, spoilt: str) -> None:
    trust(recipe())
    text = trusted_path().read_text()
    trusted_path().write_text(text.replace(f'"{spoilt}"', '"other"') if spoilt != "{" else spoilt)
    with pytest.raises(RecordError) as caught:
        read_trusted()
    (problem,) = caught.value.problems
    assert problem.code == "bad-record"
    assert problem.fix is not None
    assert str(trusted_path()) in problem.fix.en


def test_pickles_of_a_folder_are_found(recipe: Write, tmp_path: Path) -> None:
    folder = tmp_path / "diffusers-model"
    for part in ("unet", "vae"):
        (folder / part).mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    (folder / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(tensors())
    (folder / "unet" / "diffusion_pytorch_model.bin").write_bytes(b"never opened: the other one is taken")
    path = with_file(recipe, "pretrained_model_name_or_path", folder.name)
    assert prepare(path).problems == ()
    (folder / "vae" / "diffusion_pytorch_model.bin").write_bytes(calling(exec, "1"))
    (problem,) = prepare(path).problems
    assert problem.code == "pickle-model-file"
    assert "vae/diffusion_pytorch_model.bin" in problem.what.en
    trust(folder)
    assert prepare(path).problems == ()


@pytest.mark.parametrize(
    ("beside", "is_opened"),
    [
        ("unet/x.safetensors", True),
        ("unet/diffusion_pytorch_model.fp16.safetensors", True),  # no variant is asked for
        ("unet/diffusion_pytorch_model.safetensors", False),
        ("unet/diffusion_pytorch_model.safetensors.index.json", False),
        ("vae/diffusion_pytorch_model.safetensors", True),
    ],
)
def test_only_its_own_counterpart_is_opened_in_the_place_of_a_pickle(
    tmp_path: Path, beside: str, *, is_opened: bool
) -> None:
    for name in ("unet/diffusion_pytorch_model.bin", beside):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert [path.name for path in pickles_in_folder(tmp_path)] == ["diffusion_pytorch_model.bin"] * is_opened


@pytest.mark.parametrize(
    "names",
    [
        ("model.safetensors", "pytorch_model.bin"),
        ("model.safetensors", "pytorch_model.fp16.bin"),
        ("model.safetensors.index.json", "pytorch_model-00001-of-00002.bin"),
        ("openvino_model.bin",),
    ],
)
def test_what_is_never_opened_is_no_reason(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in (*(f"text_encoder/{name}" for name in names), "safety_checker/pytorch_model.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    assert list(pickles_in_folder(tmp_path)) == []


def test_sft_is_another_name_of_safetensors_only_where_the_trainer_takes_it_so(recipe: Write, tmp_path: Path) -> None:
    (tmp_path / "base.sft").write_bytes(tensors())
    found = prepare(with_file(recipe, "pretrained_model_name_or_path", "base.sft")).problems
    assert [problem.code for problem in found] == ["pickle-model-file"]


def test_the_verb_lists_adds_and_takes_back(recipe: Write, tmp_path: Path) -> None:
    path = recipe(network={"network_module": "my_package.net"})
    assert "nothing is trusted" in lora_run("trust", cwd=tmp_path).stdout
    assert lora_run("check", path.name, cwd=tmp_path).returncode == 2
    added = lora_run("trust", path.name, "--format", "json", cwd=tmp_path)
    (entry,) = json.loads(added.stdout)["added"]
    assert (added.returncode, entry["kind"], entry["name"]) == (0, "recipe", "alice.yaml")
    assert lora_run("check", path.name, cwd=tmp_path).returncode == 0
    assert f"recipe alice.yaml  sha256 {entry['sha256']}" in lora_run("trust", cwd=tmp_path).stdout
    assert "no longer trusted: recipe alice.yaml" in lora_run("trust", "--remove", path.name, cwd=tmp_path).stdout
    again = lora_run("trust", "--remove", path.name, cwd=tmp_path)
    assert again.returncode == 2
    assert "error[not-trusted]" in again.stderr
    assert lora_run("trust", "nowhere.ckpt", cwd=tmp_path).returncode == 2
