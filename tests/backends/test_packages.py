from __future__ import annotations

import ast
import os
from pathlib import Path

import pytest

from orchestrator.backends.registry import compile_plan
from orchestrator.backends.sd_scripts.packages import OPTIONAL, optimizer_modules, same_of_torch
from orchestrator.backends.sd_scripts.refusals.optimizer import CLASSES, KNOWN
from tests.backends.plans import LINE, POCKET, TRAINER, make_plan

OF_TORCH = {"AdamW", "SGDNesterov", "AdaFactor"}
"""AdaFactor comes with transformers, which every environment of the trainer has."""


@pytest.mark.parametrize(
    ("optimizer", "modules"),
    [
        ("AdamW", ()),
        ("adamw8bit", ("bitsandbytes",)),
        ("PagedAdamW32bit", ("bitsandbytes",)),
        ("PagedAdamW", ("bitsandbytes",)),
        ("Lion", ("lion_pytorch",)),
        ("Lion8bit", ("bitsandbytes",)),
        ("DAdaptLion", ("dadaptation",)),
        ("Prodigy", ("prodigyopt",)),
        ("RAdamScheduleFree", ("schedulefree",)),
        ("prodigyplus.ProdigyPlusScheduleFree", ("schedulefree", "prodigyplus")),
        ("pytorch_optimizer.CAME", ("pytorch_optimizer",)),
        ("torch.optim.AdamW", ()),
        ("NAdam", ()),
    ],
)
def test_an_optimizer_names_the_modules_it_is_imported_from(optimizer: str, modules: tuple[str, ...]) -> None:
    assert optimizer_modules(optimizer) == modules


def test_every_optimizer_and_package_that_passes_has_its_place() -> None:
    assert {name for name in KNOWN if not optimizer_modules(name)} == OF_TORCH
    packages = {branch.lstrip("(?:").partition("\\")[0] for branch in CLASSES.pattern.split("|") if "\\." in branch}
    assert packages - set(OPTIONAL) == {"torch", "transformers"}


def test_a_build_tells_what_it_needs_and_who_asks() -> None:
    (need,) = compile_plan(make_plan(optimizer_type="AdamW8bit"), TRAINER).needs
    assert (need.package, need.asked_by) == ("bitsandbytes", "`optimizer_type: AdamW8bit`")
    assert need.instead.en == "write `optimizer_type: AdamW`"
    assert need.where is not None
    assert need.where.line == LINE


def test_attention_and_network_are_looked_at_too() -> None:
    plan = make_plan(optimizer_type="Prodigy", network_module="lycoris.kohya", xformers=True, sdpa=None)
    needs = compile_plan(plan, TRAINER).needs
    assert [need.package for need in needs] == ["prodigyopt", "lycoris-lora", "xformers"]
    assert all(need.instead.en != need.instead.zh for need in needs)


def test_ordinary_builds_need_nothing() -> None:
    for family in ("sd15", "sdxl", "sd3", "flux"):
        assert compile_plan(make_plan(family), TRAINER).needs == ()
    assert compile_plan(make_plan("flux", xformers=True), TRAINER).needs == (), "flux never imports it"
    assert compile_plan(make_plan("pocket"), POCKET).needs == ()


def test_only_the_same_optimizer_stands_in() -> None:
    assert same_of_torch("PagedAdamW8bit") == "AdamW"
    assert same_of_torch("Lion8bit") is None
    assert same_of_torch("Prodigy") is None


@pytest.mark.rig
@pytest.mark.skipif("LORA_RIG" not in os.environ, reason="LORA_RIG does not name an installed sd-scripts")
def test_the_trainers_own_imports_are_all_known() -> None:
    source = Path(os.environ["LORA_RIG"], "sd-scripts", "library", "train_util.py").read_text(encoding="utf-8")
    (function,) = [
        n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef) and n.name == "get_optimizer"
    ]
    imported = {a.name.partition(".")[0] for n in ast.walk(function) if isinstance(n, ast.Import) for a in n.names}
    assert imported - set(OPTIONAL) == set()
    assert imported >= {"bitsandbytes", "prodigyopt", "dadaptation", "lion_pytorch", "schedulefree"}
