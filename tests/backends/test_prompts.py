"""Prompt lines say to the trainer what the plan says."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from orchestrator.backends.prompts import prompt_file, prompt_line
from orchestrator.plan.model import Prompt

PROMPT = Prompt("alice, smiling", 832, 1216, 28, 5.5, 42, negative_prompt="blurry, (bad:1.3)")


def read_line(line: str) -> dict[str, str]:
    """The trainer's reading of a line: cut at ` --`, each part tried as `letter value`."""
    parts = line.strip().split(" --")
    found = {"prompt": parts[0]}
    for part in parts:
        match = re.match(r"(w|h|s|d|l|g|n) (.+)", part, re.IGNORECASE)
        if match:
            found[match.group(1).lower()] = match.group(2)
    return found


def test_the_trainer_reads_back_what_was_meant() -> None:
    assert read_line(prompt_line(PROMPT)) == {
        "prompt": "alice, smiling",
        "w": "832",
        "h": "1216",
        "s": "28",
        "l": "5.5",
        "d": "42",
        "n": "blurry, (bad:1.3)",
    }


def test_settings_a_family_lacks_are_left_out() -> None:
    line = prompt_line(replace(PROMPT, scale=None, guidance_scale=3.5, negative_prompt=None))
    assert line == "alice, smiling --w 832 --h 1216 --s 28 --g 3.5 --d 42"


@pytest.mark.parametrize(("scale", "written"), [(7, "7.0"), (1e-5, "0.00001"), (3.5, "3.5"), (0, "0.0")])
def test_numbers_have_no_exponents(scale: float, written: str) -> None:
    assert f"--l {written} " in prompt_line(replace(PROMPT, scale=scale))


def test_one_line_each_in_order() -> None:
    text, problems = prompt_file([PROMPT, replace(PROMPT, prompt='初音ミク, "blue" hair')])
    assert problems == ()
    assert [line.split(" --")[0] for line in text.splitlines()] == ["alice, smiling", '初音ミク, "blue" hair']


@pytest.mark.parametrize(
    "text",
    [
        "alice --w 64",
        "--w 64",
        "# alice",
        "  # alice",
        "alice\nbob",
        "",
        "   ",
        "w 512 style",
        "N girl",
        "s 3 stars",
        "ss euler",
        "l .5",
        "fs 3",
    ],
)
def test_a_prompt_that_cannot_be_said_is_refused(text: str) -> None:
    problems = prompt_file([PROMPT, replace(PROMPT, prompt=text)])[1]
    assert [p.code for p in problems] == ["prompt-not-sayable"]
    assert "sample prompt 2" in problems[0].what.en


@pytest.mark.parametrize("text", ["a girl -- no", "bad\r\nworse"])
def test_a_negative_prompt_is_held_to_the_same(text: str) -> None:
    assert prompt_file([replace(PROMPT, negative_prompt=text)])[1]


@pytest.mark.parametrize(
    "text", ["window 512", "new girl", "s-curve 3", "ssh tunnel", "a-girl --", "low -- key", "1girl, -w 3"]
)
def test_ordinary_prompts_pass(text: str) -> None:
    refused = bool(prompt_file([replace(PROMPT, prompt=text)])[1])
    assert refused == (" --" in text)
