"""The model is trained to predict something else than it was made for.

## What it looks for

`base_model.v_parameterization` set for a base model that predicts noise, or left out for one that predicts v.

## Why it matters

The trainer then asks the model for another quantity than it has learned to give. It unlearns what it knows; the samples turn to noise or
mud, at any learning rate.

## How we tell

Where the base model is a folder in diffusers layout, its scheduler's `prediction_type` says it. Else its name: `v-pred` in it, for sd2 `768`
(predicts v) or `512` and `2-1-base` (predict noise). Without either, an SD1 model is taken to predict noise, as Stable Diffusion 1 does;
an SD2 model, and an SDXL model for which v is asked, is not judged.

## What to change

Leave `base_model.v_parameterization` out, or set it to true, as said.

## When it is wrong

A few models made from SD1 were turned to v-prediction without saying so in their names: `ignore` this rule there. A merge may carry the name
of one parent and predict like the other.

## Sources

Model cards of Stable Diffusion 1.5, 2, 2-base, 2-1 and 2-1-base: v1 and the 512-pixel models predict noise, the 768-pixel ones v (`768-v-ema`,
`v2-1_768-ema-pruned`). sd-scripts 48d368fa, `train_network.py`: the target is the velocity where the option is set and the noise elsewhere; the
model's own configuration is not looked at.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.backends.model_family import prediction_of_folder
from orchestrator.core.finding import Change, Confidence, Evidence, Finding, Fix, Severity
from orchestrator.core.text import Text
from orchestrator.diagnose.facts import family, setting, where
from orchestrator.diagnose.rule import Case, Rule, Says

if TYPE_CHECKING:
    from collections.abc import Iterator

PREDICTS_EITHER = ("sd15", "sd2", "sdxl")
"""Families in which the option has an effect."""
SAYS_V = re.compile(r"v[-_ ]?pred(?![a-z]*or)", re.IGNORECASE)
SD2_SAYS_V = re.compile(r"768|^stable-diffusion-2(-1)?$", re.IGNORECASE)
SD2_SAYS_NOISE = re.compile(r"512|2(-1)?-base", re.IGNORECASE)

SAYS = Says("R078", "wrong-prediction")
_KEY = "base_model.v_parameterization"
_PREDICTS = {True: Text("v", "v"), False: Text("noise (epsilon)", "噪声（epsilon）")}


def check(case: Case) -> Iterator[Finding]:
    """Compare the option with what the base model says of itself."""
    base, asked = setting(case, "pretrained_model_name_or_path"), setting(case, "v_parameterization")
    if family(case) not in PREDICTS_EITHER or (case.plan is None and asked is None):
        yield SAYS.not_applicable(Text("There is nothing to choose here.", "此处没有可选的预测方式。"))
        return
    said = _said(str(base or ""), family(case))
    if said is None:
        yield _unsaid(is_sdxl_of_noise=family(case) == "sdxl" and not asked)
        return
    is_v, source, confidence = said
    evidence = [Evidence(Text("the base model predicts", "底模预测"), "v" if is_v else "epsilon", None, source)]
    if bool(asked) == is_v:
        yield SAYS.clear(
            Text("The model is trained to predict what it was made for.", "训练目标与底模一致。"), evidence
        )
        return
    yield _fired(case, confidence, evidence, is_v=is_v)


def _unsaid(*, is_sdxl_of_noise: bool) -> Finding:
    if is_sdxl_of_noise:  # as SDXL is; the exceptions carry it in their names
        return SAYS.not_applicable(
            Text("Nothing says that this SDXL model predicts v.", "没有迹象表明该 SDXL 模型预测 v。")
        )
    return SAYS.inconclusive(
        Text(
            "Neither folder nor name of the base model says what it predicts.", "底模的目录和名称都没有说明它预测什么。"
        ),
        Text("The model's card: it says `v` or `epsilon`.", "模型说明：其中会写明 `v` 或 `epsilon`。"),
    )


def _said(base: str, name_of_family: str | None) -> tuple[bool, str, Confidence] | None:
    """Return whether the base model predicts v, what says so, and how sure that is; None where nothing does."""
    stated = prediction_of_folder(Path(base)) if base else None
    if stated is not None:
        return stated == "v_prediction", "scheduler/scheduler_config.json", Confidence.HIGH
    name = re.split(r"[\\/]", base.rstrip("\\/"))[-1]
    is_sd2 = name_of_family == "sd2"
    if SAYS_V.search(name) or (is_sd2 and SD2_SAYS_V.search(name)):
        return True, "pretrained_model_name_or_path", Confidence.MEDIUM
    if is_sd2 and SD2_SAYS_NOISE.search(name):
        return False, "pretrained_model_name_or_path", Confidence.MEDIUM
    return (False, "base_model.family", Confidence.MEDIUM) if name_of_family == "sd15" else None


def _fired(case: Case, confidence: Confidence, evidence: list[Evidence], *, is_v: bool) -> Finding:
    does, asked = _PREDICTS[is_v], _PREDICTS[not is_v]
    advice = (
        Text(f"Set `{_KEY}: true`.", f"请设 `{_KEY}: true`。")
        if is_v
        else Text(f"Leave out `{_KEY}`.", f"请去掉 `{_KEY}`。")
    )
    return SAYS.fired(
        Severity.FIX,
        confidence,
        Text(
            f"The base model predicts {does.en}, and it is trained to predict {asked.en}.",
            f"底模预测的是{does.zh}，却被训练去预测{asked.zh}。",
        ),
        why=Text(
            "It unlearns what it knows: the result is noise, at any learning rate.",
            "它会忘掉已有的能力：无论学习率多少，结果都是噪声。",
        ),
        evidence=evidence,
        fix=Fix(advice, (Change(_KEY, True if is_v else None, None if is_v else True, is_safe=True),)),
        where=where(case, "v_parameterization") or where(case, "pretrained_model_name_or_path"),
    )


RULE = Rule(SAYS.id, SAYS.name, "both", check, needs_plan=True)
