"""Thousands of made-up recipes: looked at and refused or not, with words, a code of 0, 1 or 2, and in no time."""

from __future__ import annotations

import gc
import json
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import toml
from hypothesis import HealthCheck, given, settings

from orchestrator.backends.argspec import load_options
from orchestrator.backends.option_values import value_problem
from orchestrator.backends.pocket.compile import pocket_options
from orchestrator.backends.sd_scripts.families import FAMILIES as FAMILY_FACTS
from orchestrator.core.errors import EXIT_FINDINGS, EXIT_OK, EXIT_REFUSED
from orchestrator.core.problem_text import render_problem
from tests.golden.test_golden import PIN
from tests.hostile.counts import IS_FULL, count
from tests.hostile.fuzz_page import note
from tests.hostile.recipes.case import GOOD
from tests.hostile.recipes.corpus import check
from tests.hostile.recipes.fuzzing import FAMILIES, overrides, recipes
from tests.hostile.recipes.world import make_world

if TYPE_CHECKING:
    from collections.abc import Iterator

TRIED = count(20_000, 2_000)
MOST_S = 0.2
"""CPU seconds for one recipe; judged by `make fuzz` alone."""
ABSURD_S = 5.0
RELIABILITY = {
    "E02": "20,000 made-up recipes (with LORA_FULL=1; 2,000 at each change): exit 0, 1 or 2, never a traceback",
    "E03": "every key of those of them that are accepted",
}


class Tally:
    """What came of all of them."""

    def __init__(self) -> None:
        self.codes = {EXIT_OK: 0, EXIT_FINDINGS: 0, EXIT_REFUSED: 0}
        self.worst_s = 0.0
        self.worst_text = ""
        self.slow = 0


@pytest.fixture(scope="module")
def tally(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tally]:
    root = tmp_path_factory.mktemp("fuzz") / "deep" / "down" / "here"  # `../..` is a folder of this world too
    root.mkdir(parents=True)
    make_world(root)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(root)
        patched.setenv("HOME", str(root))
        for family in FAMILIES:  # what is loaded once is no recipe's time
            Path("recipe.yaml").write_text(GOOD.replace("sdxl", family), encoding="utf-8")
            check(Path("recipe.yaml"))
        yield Tally()


@contextmanager
def without_collector() -> Iterator[None]:
    """Measure the recipe, not looking through what thousands of examples left: up to a second each time (the tool begins anew for each)."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def wrong_keys(family: str, train_toml: str) -> list[str]:
    """Return the keys that the family's trainer does not have, or whose value its parser would not take."""
    options = pocket_options() if family == "pocket" else load_options(PIN, FAMILY_FACTS[family].entry)
    values = toml.loads(train_toml)
    return [n for n, v in values.items() if n not in options or value_problem(options[n], v) is not None]


@settings(
    max_examples=TRIED,
    deadline=None,
    database=None,
    derandomize=not IS_FULL,
    suppress_health_check=list(HealthCheck),
)
@given(text=recipes(), changes=overrides())
def test_any_recipe_is_looked_at_or_refused(tally: Tally, text: str, changes: tuple[str, ...]) -> None:
    recipe = Path("recipe.yaml")
    recipe.write_text(text, encoding="utf-8", errors="surrogatepass", newline="")
    form = "json" if len(text) % 2 else "text"
    with without_collector():
        started = time.process_time()
        told = check(recipe, changes, form)
        seconds = time.process_time() - started
    tally.codes[told.code] += 1
    tally.slow += seconds > MOST_S
    if seconds > tally.worst_s:
        tally.worst_s, tally.worst_text = seconds, text
    assert seconds < ABSURD_S
    assert "Traceback" not in told.printed
    assert "\x1b" not in told.printed
    assert "abcdefghijklmnopqrstuvwxyz012345" not in told.printed
    if form == "json":
        assert json.loads(told.printed)["exit_code"] == told.code
    if told.code != EXIT_REFUSED:
        assert told.build is not None
        assert wrong_keys(told.family, told.build.files["train.toml"]) == []
    for problem in told.problems:
        assert all(line for line in render_problem(problem, "zh"))


def test_each_was_quick_and_all_outcomes_were_seen(tally: Tally) -> None:
    tried = sum(tally.codes.values())
    assert tried >= TRIED
    assert all(tally.codes.values())
    codes = ", ".join(f"{number} exit {code}" for code, number in tally.codes.items())
    worst = f"worst {tally.worst_s * 1000:.0f} ms CPU, {tally.slow} above {MOST_S * 1000:.0f} ms"
    note("E02", f"{tried:,} made-up recipes", f"{codes}; {worst}; no traceback")
    if IS_FULL:
        assert not tally.slow, f"{worst}:\n{tally.worst_text}"
