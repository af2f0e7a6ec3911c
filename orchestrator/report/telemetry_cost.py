"""What the recording cost, where it is worth a line: the promise is 5 % from 1,500 steps at batch 2 on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from orchestrator.core.text import Text
from orchestrator.report.numbers import duration

if TYPE_CHECKING:
    from orchestrator.core.observation import Observations
    from orchestrator.run.model import Outcome

PROMISED_SHARE: Final = 0.05
"""Below this share of the run nothing is said."""


def telemetry_cost(seen: Observations | None, outcome: Outcome | None) -> Text | None:
    """Return what the recording of a run cost; None where that is below 5 % of its time, or not known."""
    telemetry = None if seen is None else seen.telemetry
    run_seconds = None if outcome is None else outcome.seconds
    if telemetry is None or not run_seconds or run_seconds <= 0:
        return None
    spent = telemetry.log_seconds + telemetry.probe_seconds
    share = spent / run_seconds
    if not math.isfinite(share) or not PROMISED_SHARE <= share <= 1:
        return None
    cost, whole = ({n: duration(s, n) for n in ("en", "zh")} for s in (spent, run_seconds))
    english = f"the telemetry took {cost['en']} of {whole['en']} ({share:.0%})"
    chinese = f"遥测用去 {whole['zh']} 中的 {cost['zh']}（{share:.0%}）"
    if telemetry.probe_seconds < telemetry.log_seconds:
        return Text(english, chinese)
    return Text(
        f"{english}, as in every short run; `telemetry: log` leaves the probe out",
        f"{chinese}，短训练都是如此；写 `telemetry: log` 可省去探测",
    )
