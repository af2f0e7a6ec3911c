"""Numbers on the command line: which are taken is said."""

from __future__ import annotations

from typing import Any

import click
import pytest

from orchestrator.usage import usage_problem


@pytest.mark.parametrize(
    ("kind", "given", "en", "zh"),
    [
        (click.IntRange(min=64), "5", "a whole number of at least 64", "不小于 64 的整数"),
        (click.IntRange(min=1), "x", "a whole number of at least 1", "不小于 1 的整数"),
        (click.FloatRange(0, 1), "2", "a number from 0 to 1", "0 到 1 的数字"),
        (click.FloatRange(0, min_open=True), "0", "a number above 0", "大于 0 的数字"),
        (click.FloatRange(max=1), "2", "a number of at most 1", "不大于 1 的数字"),
    ],
)
def test_what_a_number_may_be_is_said(kind: click.ParamType[Any], given: str, en: str, zh: str) -> None:
    command = click.Command("verb", params=[click.Option(["--side"], type=kind)])
    with pytest.raises(click.BadParameter) as caught:
        command.make_context("verb", ["--side", given])
    problem = usage_problem(caught.value)
    assert problem.what.en == f"`--side` must be {en}"
    assert problem.what.zh.replace(" ", "").endswith(zh.replace(" ", ""))
