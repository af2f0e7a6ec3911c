"""What the recording cost, where it is worth a line: the promise is 5 % from 1,500 steps at batch 2 on, so a shorter run always says it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from orchestrator.core.text import Text
from orchestrator.report.numbers import duration

if TYPE_CHECKING:
    from orchestrator.core.observation import Observations
    from orchestrator.run.records.model import Outcome

PROMISED_SHARE: Final = 0.05
"""Below this share of a long run nothing is said."""
PROMISED_STEPS: Final = 1500
"""Shorter runs are not promised anything: the base model and the least number of probes cost the same there."""

LEAST_WHOLE: Final = 0.01
"""A share below this is told with a digit more."""


def telemetry_cost(seen: Observations | None, outcome: Outcome | None) -> Text | None:
    """Return what the recording of a run cost; None where nothing was recorded, the time is not known, or a long run kept to 5 %."""
    telemetry = None if seen is None else seen.telemetry
    run_seconds = None if outcome is None else outcome.seconds
    if telemetry is None or not run_seconds or run_seconds <= 0:
        return None
    spent = telemetry.log_seconds + telemetry.probe_seconds
    share = spent / run_seconds
    is_short = len(telemetry.steps) < PROMISED_STEPS
    if not math.isfinite(share) or not (0 if is_short else PROMISED_SHARE) < share <= 1:
        return None
    cost, whole = ({n: duration(s, n) for n in ("en", "zh")} for s in (spent, run_seconds))
    part = f"{share:.0%}" if share >= LEAST_WHOLE else f"{share:.1%}"
    english = f"the telemetry took {cost['en']} of {whole['en']} ({part})"
    chinese = f"遥测用去 {whole['zh']} 中的 {cost['zh']}（{part}）"
    if telemetry.probe_seconds < telemetry.log_seconds or share < PROMISED_SHARE:
        return Text(english, chinese)
    why = Text(", as in every short run", "，短训练都是如此") if is_short else Text("", "")
    return Text(
        f"{english}{why.en}; `telemetry: log` leaves the probe out",
        f"{chinese}{why.zh}；写 `telemetry: log` 可省去探测",
    )
