"""Dotted names that the trainer would import and call: refused by name unless they are what it knows, before any process is started."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from orchestrator.backends.sd_scripts.refusals.optimizer import BY_PACKAGE, CLASSES, PACKAGES
from orchestrator.prepared import prepare
from orchestrator.run.installed.trusted import distrust, trust

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[..., Path]

FOREIGN = (
    "subprocess.Popen", "os.system", "os.popen", "os.execv", "posix.system", "builtins.exec", "builtins.eval",
    "builtins.__import__", "shutil.rmtree", "runpy.run_path", "runpy.run_module", "importlib.import_module", "antigravity.x",
    "this.x", "ctypes.CDLL", "pty.spawn", "socket.socket", "urllib.request.urlopen", "webbrowser.open", "pickle.loads",
    "torch.hub.load", "torch.load", "torch.jit.load", "torch.package.PackageImporter", "torch.utils.cpp_extension.load_inline",
    "torch.optim.lr_scheduler.os.system", "torch.optim.Adam.__init__", "transformers.pipeline", "transformers.AutoModel",
    "transformers.utils.hub.cached_file", "diffusers.DiffusionPipeline", "bitsandbytes.os.system", "bitsandbytes.optim.os",
    "pytorch_optimizer.load_optimizer", "schedulefree.os.system", "beside_the_recipe.Canary", "images.canary.Canary",
    "..relative.Name", ".Canary", "torch .optim.AdamW",
)  # fmt: skip
KEYS = {
    "optimizer_type": "foreign-optimizer-class",
    "lr_scheduler_type": "foreign-scheduler-class",
    "network_module": "network-module-of-another-family",
}
WELCOME = {
    "optimizer_type": (
        "AdamW", "adamw8bit", "bitsandbytes.optim.lamb.LAMB", "bitsandbytes.optim.AdEMAMix8bit", "RMSprop", "torch.optim.NAdam",
        "prodigyplus.ProdigyPlusScheduleFree", "pytorch_optimizer.CAME", "came_pytorch.CAME", "transformers.optimization.Adafactor",
    ),
    "lr_scheduler_type": ("CosineAnnealingLR", "torch.optim.lr_scheduler.StepLR", "pytorch_optimizer.CosineScheduler"),
    "network_module": ("networks.lora", "networks.lora_fa", "networks.oft", "lycoris.kohya"),
}  # fmt: skip
NEVER = ("dataset_class", "config_file", "output_config", "deepspeed", "log_tracker_config")
RELIABILITY = {
    "T06": f"{len(FOREIGN)} dotted names in each of {', '.join(KEYS)}; {sum(map(len, WELCOME.values()))} names that are let pass; "
    f"{len(NEVER)} options that no recipe may set"
}


def codes(path: Path) -> set[str]:
    return {problem.code for problem in prepare(path).problems}


def with_value(write: Write, key: str, value: str) -> Path:
    if key == "optimizer_type":
        return write(train={key: value})
    return (
        write(network={key: value})
        if key == "network_module"
        else write(train={"lr_warmup_steps": 0}, trainer_args={key: value})
    )


@pytest.mark.parametrize("key", KEYS)
def test_foreign_names_are_refused(recipe: Write, tmp_path: Path, key: str) -> None:
    canary = tmp_path / "canary"
    for folder in (tmp_path, tmp_path / "images"):
        (folder / "beside_the_recipe.py").write_text(f"open({str(canary)!r}, 'w')\n")
    passed = [name for name in FOREIGN if KEYS[key] not in codes(with_value(recipe, key, name))]
    assert passed == []
    assert not canary.exists()
    assert prepare(with_value(recipe, key, FOREIGN[0])).is_refused


@pytest.mark.parametrize("name", sorted(BY_PACKAGE))
def test_a_bare_name_of_a_package_is_told_in_full(recipe: Write, name: str) -> None:
    (told,) = prepare(with_value(recipe, "optimizer_type", name)).problems
    assert told.code == "unknown-optimizer"
    assert f"{name} ({BY_PACKAGE[name]}?)" in told.what.en
    assert CLASSES.fullmatch(BY_PACKAGE[name])


def test_the_fix_of_a_foreign_optimizer_names_the_packages(recipe: Write) -> None:
    (told,) = prepare(with_value(recipe, "optimizer_type", "torchao.optim.AdamW4bit")).problems
    assert told.fix is not None
    for package in ("pytorch_optimizer", "bitsandbytes.optim", "Prodigy", "lora-run trust RECIPE"):
        assert package in told.fix.en
    for name in PACKAGES:
        assert CLASSES.fullmatch(name if name[name.rfind(".") + 1 :][0].isupper() else f"{name}.Adam"), name


@pytest.mark.parametrize("key", KEYS)
def test_what_the_trainer_knows_is_let_pass(recipe: Write, key: str) -> None:
    refused = [name for name in WELCOME[key] if KEYS[key] in codes(with_value(recipe, key, name))]
    assert refused == []


@pytest.mark.parametrize("option", NEVER)
def test_some_options_are_never_taken_even_of_a_trusted_recipe(recipe: Write, option: str) -> None:
    path = recipe(trainer_args={option: "evil.Data"})
    trust(path)
    assert "forbidden-option" in codes(path)


@pytest.mark.parametrize("key", KEYS)
def test_a_recipe_trusted_by_its_content_may_name_its_own(recipe: Write, key: str) -> None:
    path = with_value(recipe, key, "my_package.Thing")
    assert KEYS[key] in codes(path)
    trust(path)
    assert codes(path) == set()
    path.write_text(path.read_text().replace("my_package", "other_package"))
    assert KEYS[key] in codes(path)  # another content is a stranger


def test_trust_covers_the_command_line_and_what_is_extended(recipe: Write) -> None:
    path = recipe()
    asked = ("train.optimizer_type=my_package.Thing",)
    trust(path, asked)
    assert prepare(path, asked).problems == ()
    (told,) = prepare(path, ("train.optimizer_type=other.Thing",)).problems
    assert told.code == "foreign-optimizer-class"
    distrust(str(path), asked)
    assert prepare(path, asked).is_refused
