"""Lines of the trainer's prompt file: `text --w 512 --h 768 --s 28 --l 7 --d 1 --n not this`.

The trainer cuts a line at every ` --` and tries each part, the text included, as an option (library/train_util.py,
`line_to_prompt_dict`). A text that would be cut or taken for an option is refused, because nothing can quote it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from orchestrator.core.finding import Problem
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.core.finding import Location
    from orchestrator.plan.model import Prompt

_OPTION = re.compile(r"(?:[whds] \d|(?:l|g) [\d.]|(?:n|ss|cn|ctr|rcfg|fs) .)", re.IGNORECASE)


def prompt_file(prompts: Sequence[Prompt]) -> tuple[str, tuple[Problem, ...]]:
    """Return the text of the prompt file and what cannot be said in it. One line per prompt, in order."""
    lines: list[str] = []
    problems: list[Problem] = []
    for number, prompt in enumerate(prompts, start=1):
        texts = [(prompt.prompt, True)]
        if prompt.negative_prompt:
            texts.append((prompt.negative_prompt, False))
        for text, leads in texts:
            why = _trouble(text, leads=leads)
            if why is not None:
                problems.append(_problem(number, text, why, prompt.where))
        lines.append(prompt_line(prompt) + "\n")
    return "".join(lines), tuple(problems)


def prompt_line(prompt: Prompt) -> str:
    """Return one line of the prompt file, without its end."""
    parts = [
        prompt.prompt.strip(),
        f"--w {prompt.width}",
        f"--h {prompt.height}",
        f"--s {prompt.sample_steps}",
    ]
    if prompt.scale is not None:
        parts.append(f"--l {_decimal(prompt.scale)}")
    if prompt.guidance_scale is not None:
        parts.append(f"--g {_decimal(prompt.guidance_scale)}")
    parts.append(f"--d {prompt.seed}")
    if prompt.negative_prompt:
        parts.append(f"--n {prompt.negative_prompt.strip()}")
    return " ".join(parts)


def _decimal(value: float) -> str:
    """The trainer reads digits and points only: no exponents."""
    text = f"{value:.6f}".rstrip("0")
    return text + "0" if text.endswith(".") else text


def _trouble(text: str, *, leads: bool) -> Text | None:
    if not text.strip():
        return Text(
            "the trainer cannot take an empty prompt: it would read the first option as text",
            "训练器不接受空提示词：会把第一个选项当成文本",
        )
    if "\n" in text or "\r" in text or "\x00" in text:
        return Text("the prompt file holds one prompt per line", "提示词文件每行一个提示词")
    if " --" in text or text.lstrip().startswith("--"):
        return Text(
            "the trainer cuts a prompt at every ` --` and reads an option there",
            "训练器会在每个 ` --` 处切断提示词并当作选项读取",
        )
    if leads and text.lstrip().startswith("#"):
        return Text("a line that begins with # is a comment to the trainer", "以 # 开头的行会被训练器当作注释")
    if leads and _OPTION.match(text.lstrip()):
        return Text(
            "a prompt that begins with a letter and a number or word like this is an option to the trainer",
            "以这样的字母加数字或单词开头的提示词会被训练器当作选项",
        )
    return None


def _problem(number: int, text: str, why: Text, where: Location | None) -> Problem:
    shown = text if len(text) <= 60 else text[:57] + "..."
    what = Text(
        f"sample prompt {number} cannot be given to the trainer: {shown!r}",
        f"第 {number} 个采样提示词无法传给训练器：{shown!r}",
    )
    fix = Text("say it in other words, or begin with another word", "请换一种说法，或换一个词开头")
    return Problem("prompt-not-sayable", what, why, fix, where)
