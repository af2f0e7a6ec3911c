"""False alarms matter as much as catches: sound sets, and what a rule must not take for a fault."""

from __future__ import annotations

import pytest

from orchestrator.core.finding import Severity
from orchestrator.diagnose.engine import judge
from orchestrator.diagnose.rule import Case
from tests.diagnose.cases import dataset, folder, picture, recipe
from tests.diagnose.clean_captions import SENTENCES, TAGS


def _fired(captions: tuple[str, ...], case: Case | None = None) -> dict[str, Severity]:
    read = dataset(folder([picture(f"{i:02}.png", caption) for i, caption in enumerate(captions)]))
    asked = case or Case(dataset=read)
    full = Case(recipe=asked.recipe, dataset=read, family=asked.family)
    return {f.name: f.severity for f in judge(full, "before", reraise=True).fired}


@pytest.mark.parametrize("captions", [TAGS, SENTENCES], ids=["tags", "sentences"])
@pytest.mark.parametrize("family", ["sd15", "sdxl", "flux", None])
def test_on_a_sound_set_nothing_above_info_fires(captions: tuple[str, ...], family: str | None) -> None:
    assert len(captions) == 30
    asked = recipe() if family is not None else None
    fired = _fired(captions, Case(recipe=asked, family=family))
    assert {name: severity for name, severity in fired.items() if severity is not Severity.INFO} == {}


def test_on_a_sound_set_only_what_is_so_is_mentioned() -> None:
    assert set(_fired(TAGS, Case(recipe=recipe(), family="sd15"))) == {"licence-not-recorded"}
    assert set(_fired(TAGS)) == set()
    assert set(_fired(SENTENCES)) == set()
