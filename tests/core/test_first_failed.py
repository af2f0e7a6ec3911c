"""Which of several processes failed first."""

from __future__ import annotations

import re

import pytest

from orchestrator.core.first_failed import LOST_CONNECTION, FirstFailed, first_failed, signal_name, telling
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


LOST = "RuntimeError: [/pytorch/gloo/gloo/transport/tcp/pair.cc:553] Connection closed by peer [127.0.0.1]:27819"


@pytest.mark.parametrize(
    ("words", "is_lost"),
    [
        (LOST, True),
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
    assert bool(re.search(LOST_CONNECTION, words)) is is_lost


OWN, OTHER = (1, "KeyError: 'one'"), (0, LOST)


@pytest.mark.parametrize(
    ("exit_code", "said", "wanted"),
    [
        (None, [OWN, OTHER], [0]),
        (None, [OTHER], [0]),
        (1, [OWN, OTHER, (2, "ValueError: two")], [0]),
        (1, [(None, "KeyError: 'one'"), OTHER], [0]),
        (1, [(1, LOST), (0, "KeyError: 'zero'")], [1]),
        (1, [(1, LOST), OTHER], [0, 1]),
        (-9, [OTHER], []),
        (-9, [(0, "ValueError: two")], []),
        (-6, [OWN, OTHER], [0]),
        (-6, [(1, LOST), (0, "KeyError: 'zero'")], [1]),
        (-15, [(1, LOST), OTHER], []),
    ],
)
def test_what_tells_why(exit_code: int | None, said: list[tuple[int | None, str]], wanted: list[int]) -> None:
    first = None if exit_code is None else FirstFailed(1, exit_code)
    assert telling(first, said) == wanted
