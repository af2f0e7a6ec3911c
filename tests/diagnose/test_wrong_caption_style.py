from __future__ import annotations

import pytest

from orchestrator.core.finding import Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.wrong_caption_style import RULE
from tests.diagnose.cases import catches, catches_not, dataset, folder, picture, recipe
from tests.diagnose.clean_captions import SENTENCES, TAGS


def _case(captions: tuple[str, ...], family: str, base: str = "base.safetensors") -> Case:
    read = dataset(folder([picture(f"{i}.png", caption) for i, caption in enumerate(captions)]))
    model = {"family": family, "pretrained_model_name_or_path": base}
    return Case(recipe=recipe(base_model=model), dataset=read, family=family)


@pytest.mark.parametrize("family", ["flux", "sd3"])
def test_tags_for_a_language_model_are_mentioned(family: str) -> None:
    catches(RULE, _case(TAGS, family), Severity.INFO)
    catches_not(RULE, _case(SENTENCES, family), Status.CLEAR)


def test_sentences_for_an_anime_base_are_told() -> None:
    assert (
        "ponyXL" in catches(RULE, _case(SENTENCES, "sdxl", "models/ponyXL_v6.safetensors"), Severity.WATCH).message.en
    )
    catches_not(RULE, _case(TAGS, "sdxl", "models/ponyXL_v6.safetensors"), Status.CLEAR)


def test_where_the_base_says_nothing_sentences_are_right() -> None:
    catches_not(RULE, _case(SENTENCES, "sd15", "C:\\pony\\realistic.safetensors"), Status.CLEAR)


def test_other_families_and_short_captions_are_not_asked() -> None:
    catches_not(RULE, _case(TAGS, "pocket"), Status.NOT_APPLICABLE)
    catches_not(RULE, _case(("zxq",), "flux"), Status.NOT_APPLICABLE)
