from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.core.finding import Confidence, Severity, Status
from orchestrator.diagnose.rule import Case
from orchestrator.diagnose.rules.wrong_prediction import RULE
from tests.diagnose.cases import catches, catches_not, plan

if TYPE_CHECKING:
    from pathlib import Path


def _case(base: str, family: str, *, is_v: bool | None = None) -> Case:
    train: dict[str, Any] = {"pretrained_model_name_or_path": base}
    return Case(plan=plan(train if is_v is None else {**train, "v_parameterization": is_v}, family=family))


@pytest.mark.parametrize(
    ("base", "family"),
    [
        ("/m/v1-5-pruned.safetensors", "sd15"),
        ("/m/768/anything.safetensors", "sd15"),
        ("/m/v-predictor-merge.safetensors", "sd15"),
        ("/m/v2-1_512-ema-pruned.safetensors", "sd2"),
        ("stabilityai/stable-diffusion-2-1-base", "sd2"),
    ],
)
def test_a_model_of_noise_is_not_to_predict_v(base: str, family: str) -> None:
    finding = catches(RULE, _case(base, family, is_v=True), Severity.FIX)
    assert "predicts noise" in finding.message.en
    assert finding.fix is not None
    assert [(c.key, c.value) for c in finding.fix.changes] == [("base_model.v_parameterization", None)]
    catches_not(RULE, _case(base, family), Status.CLEAR)
    catches_not(RULE, _case(base, family, is_v=False), Status.CLEAR)


@pytest.mark.parametrize(
    ("base", "family"),
    [
        ("/m/v2-1_768-ema-pruned.safetensors", "sd2"),
        ("C:\\m\\768-v-ema.safetensors", "sd2"),
        ("stabilityai/stable-diffusion-2-1", "sd2"),
        ("/m/NoobAI-XL-Vpred-v1.safetensors", "sdxl"),
        ("/m/furry_v_pred.safetensors", "sd15"),
    ],
)
def test_a_model_of_v_is_not_to_predict_noise(base: str, family: str) -> None:
    finding = catches(RULE, _case(base, family), Severity.FIX)
    assert finding.fix is not None
    assert [(c.key, c.value) for c in finding.fix.changes] == [("base_model.v_parameterization", True)]
    catches_not(RULE, _case(base, family, is_v=True), Status.CLEAR)


@pytest.mark.parametrize(("stated", "is_v"), [("epsilon", False), ("v_prediction", True)])
@pytest.mark.parametrize("family", ["sd15", "sd2", "sdxl"])
def test_what_the_folder_says_counts_more_than_its_name(
    stated: str, family: str, tmp_path: Path, *, is_v: bool
) -> None:
    folder = tmp_path / ("512-base" if is_v else "768-v-pred")
    (folder / "scheduler").mkdir(parents=True)
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps({"prediction_type": stated}))
    assert catches(RULE, _case(str(folder), family, is_v=not is_v), Severity.FIX).confidence is Confidence.HIGH
    catches_not(RULE, _case(str(folder), family, is_v=is_v), Status.CLEAR)


def test_a_model_that_says_nothing_is_not_judged() -> None:
    catches_not(RULE, _case("/m/mix.safetensors", "sd2", is_v=True), Status.INCONCLUSIVE)
    catches_not(RULE, _case("/m/mix.safetensors", "sd2"), Status.INCONCLUSIVE)
    catches_not(RULE, _case("/m/mix.safetensors", "sdxl", is_v=True), Status.INCONCLUSIVE)
    catches_not(RULE, _case("/m/mix.safetensors", "sdxl"), Status.NOT_APPLICABLE)


@pytest.mark.parametrize("family", ["flux", "sd3", "pocket"])
def test_other_families_have_nothing_to_choose(family: str) -> None:
    catches_not(RULE, _case("/m/v-pred.safetensors", family), Status.NOT_APPLICABLE)


def test_a_foreign_run_is_judged_by_what_is_known() -> None:
    catches_not(RULE, Case(settings={}, family="sd15"), Status.NOT_APPLICABLE)
    catches(RULE, Case(settings={"v_parameterization": True}, family="sd15"), Severity.FIX)
