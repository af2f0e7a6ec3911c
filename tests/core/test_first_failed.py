"""Which of several processes failed first."""

from __future__ import annotations

import pytest

from orchestrator.core.first_failed import FirstFailed, first_failed, is_lost_connection, signal_name
from tests.several_processes import KILLED, OTHERS, OUT_OF_MEMORY

OLDER = KILLED.replace(" (SIGKILL)", "").replace(" (SIGTERM)", "")
"""As torch 2.6 and 2.8 put it: without names of signals."""


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (KILLED, FirstFailed(1, -9)),
        (OLDER, FirstFailed(1, -9)),
        (OUT_OF_MEMORY, FirstFailed(1, 1)),
        (OTHERS, None),
        (KILLED + OUT_OF_MEMORY, FirstFailed(1, 1)),
        (KILLED.partition("Root Cause")[0], None),
        (KILLED.partition("  exitcode  : -9")[0], None),
        ("Root Cause (first observed failure):\n  exitcode  : 1\n", None),
    ],
    ids=["killed", "older", "own error", "others only", "the last one", "before the cause", "cut off", "without rank"],
)
def test_the_cause_is_told_not_what_followed(text: str, wanted: FirstFailed | None) -> None:
    assert first_failed(text.splitlines()) == wanted


def test_the_signal_stands_in_the_exit_code() -> None:
    assert FirstFailed(1, -9).signal == "SIGKILL"
    assert FirstFailed(1, 1).signal is None
    assert signal_name(-250) == "250"


@pytest.mark.parametrize(
    ("words", "is_lost"),
    [
        (
            "RuntimeError: [/pytorch/gloo/gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:27819",
            True,
        ),
        ("RuntimeError: [../gloo/transport/tcp/pair.cc:534] Connection reset by peer", True),
        (
            "torch.distributed.DistBackendError: NCCL error: ncclRemoteError: A call failed possibly due to a network error",
            True,
        ),
        ("requests.exceptions.ConnectionError: Connection reset by peer", False),
        ("KeyError: 'x'", False),
    ],
)
def test_a_lost_connection_is_known_by_gloo_and_nccl_alone(words: str, is_lost: bool) -> None:
    assert is_lost_connection(words) is is_lost
