"""Which of several processes failed first."""

from __future__ import annotations

import pytest

from orchestrator.core.first_failed import FirstFailed, first_failed
from tests.several_processes import KILLED, OTHERS, OUT_OF_MEMORY


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (KILLED, FirstFailed(1, -9, "SIGKILL")),
        (OUT_OF_MEMORY, FirstFailed(1, 1, None)),
        (OTHERS, None),
        (KILLED + OUT_OF_MEMORY, FirstFailed(1, 1, None)),
        (KILLED.partition("Root Cause")[0], None),
        (KILLED.partition("  exitcode  : -9")[0], None),
        ("Root Cause (first observed failure):\n  exitcode  : 1\n", None),
    ],
    ids=["killed", "own error", "others only", "the last one", "before the cause", "cut off", "without rank"],
)
def test_the_cause_is_told_not_what_followed(text: str, wanted: FirstFailed | None) -> None:
    assert first_failed(text.splitlines()) == wanted


def test_one_line() -> None:
    assert FirstFailed(1, -9, "SIGKILL").text == "process 1 failed first: exitcode -9 (SIGKILL)"
    assert FirstFailed(0, 1, None).text == "process 0 failed first: exitcode 1"
