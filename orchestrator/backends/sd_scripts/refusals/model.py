"""What a refusal is: a condition under which the trainer aborts, found before anything is started."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.finding import Problem
from orchestrator.core.text import Text, same

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.backends.sd_scripts.settings import Settings

U_NET = ("sd15", "sd2", "sdxl")
DIT = ("sd3", "flux")
ALL = (*U_NET, *DIT)
SILENT = "nothing; "
"""Begins the `why` of what the trainer swallows without a word."""


TRUST_OWN = Text(
    "if the recipe is yours and the module too: `lora-run trust RECIPE`",
    "若配方与该模块都是你自己的：`lora-run trust 配方`",
)
TRUST_FIX = Text(
    f"name one that the trainer knows; {TRUST_OWN.en}",
    f"请写训练器已知的名称；{TRUST_OWN.zh}",
)
"""The fix of what only a trusted recipe may ask for."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One condition. `when` returns False or None where all is well, True or a detail for the text where it is not."""

    code: str
    """kebab-case name of the mistake; unique."""
    keys: tuple[str, ...]
    """Options it is about; the first that the recipe says is pointed at."""
    when: Callable[[Settings], bool | str | None]
    what: Text
    """`{0}` stands for the detail. One that begins with `option = ` is pointed at there."""
    why: str
    """What the trainer itself would say."""
    fix: Text
    families: tuple[str, ...] = ALL

    def problem(self, settings: Settings) -> Problem | None:
        """Return the problem, or None where the condition does not hold."""
        if settings.family not in self.families:
            return None
        detail = self.when(settings)
        if detail is None or detail is False:
            return None
        shown = "" if detail is True else str(detail)
        return Problem(
            self.code,
            _fill(self.what, shown),
            _why(self.why),
            _fill(self.fix, shown),
            settings.where(*(key for key in self.keys if shown.startswith(f"{key} = ")), *self.keys),
        )


def _why(said: str) -> Text | None:
    """What the trainer would say, or do where it says nothing."""
    if not said:
        return None
    if said.startswith(SILENT):
        effect = said.removeprefix(SILENT)
        return Text(f"the trainer would say nothing; {effect}", f"训练器什么也不会说；{effect}")
    return Text(f"the trainer would stop: {said}", f"训练器会停止：{said}")


def _fill(text: Text, detail: str) -> Text:
    return Text(text.en.replace("{0}", detail), text.zh.replace("{0}", detail))


def drop(*names: str) -> Text:
    """The fix `leave out X or Y`."""
    listed = [f"`{n}`" for n in names]
    return Text(f"leave out {' or '.join(listed)}", f"请去掉 {' 或 '.join(listed)}")


__all__ = ["ALL", "DIT", "TRUST_FIX", "U_NET", "Refusal", "drop", "same"]
