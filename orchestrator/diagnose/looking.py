"""Looking at the pictures while a run goes on, in one thread of low priority: it costs the run nothing and cannot fail it."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from orchestrator.core.finding import Severity
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from orchestrator.dataset.model import Dataset
    from orchestrator.diagnose.rule import Case

GRACE_S: Final = 5.0
"""How long a look may go on after the run: the trainer took all the cores of a small machine, and now they are free."""
_LAST_PICTURE_S: Final = 5.0
"""How long the picture in hand is waited for once the look is over."""
_NICE: Final = 19


class _OverError(Exception):
    """Nobody waits for the look any more."""


class Looking:
    """Begin it once the trainer runs, ask it for news, end it with the run. Nothing in it raises."""

    def __init__(self, case: Case) -> None:
        """`case`: as it was judged before the run."""
        self._case = case
        self._thread = threading.Thread(target=self._run, name="looking", daemon=True)
        self._is_over = threading.Event()
        self._seen: Dataset | None = None
        self._news: Text | None = None
        self._trouble: Text | None = None

    def begin(self) -> None:
        """Start to look, unless an earlier look has seen it all. What pairs changed is known once the digests of their halves are."""
        dataset = self._case.dataset
        if dataset is not None and (dataset.not_looked_at or dataset.pairs):
            self._thread.start()

    def news(self) -> Text | None:
        """Return what would have forbidden the launch, had it been known; once."""
        news, self._news = self._news, None
        return news

    def end(self, patience_s: float = GRACE_S) -> tuple[Dataset | None, tuple[Text, ...]]:
        """Return the data set with what was seen of it within `patience_s` from now, and what is to be said of the look.

        What an unfinished look has seen is kept for the next one, as `dataset check` does.
        """
        dataset = self._case.dataset
        if self._thread.ident is None or dataset is None:
            return dataset, ()
        with suppress(KeyboardInterrupt):  # the user need not wait for it, the report is written all the same
            self._thread.join(patience_s)
        self._is_over.set()
        self._thread.join(_LAST_PICTURE_S)
        seen = self._seen or _recalled(dataset)
        return seen, tuple(text for text in (self._trouble, _unfinished(seen)) if text is not None)

    def _run(self) -> None:
        try:
            _step_back()
            self._look()
        except _OverError:
            pass
        except Exception as error:  # noqa: BLE001 - a look must never cost a training run; it is told in the report
            what = f"{type(error).__name__}: {error}"
            self._trouble = Text(
                f"The look at the pictures beside the run failed ({what}).", f"训练时查看图片失败（{what}）。"
            )

    def _look(self) -> None:
        from orchestrator.dataset.looked import look_at
        from orchestrator.dataset.pairs import look_at_pairs
        from orchestrator.dataset.pixels.cache import Cache
        from orchestrator.diagnose.facts import kind
        from orchestrator.observe.one_thread import load_numpy

        load_numpy()
        assert self._case.dataset is not None  # noqa: S101  begin() asked
        with Cache() as cache:
            with_faces = kind(self._case) == "person"
            seen = look_at(self._case.dataset, cache=cache, go_on=self._go_on, workers=1, with_faces=with_faces)
            self._seen = seen  # should the pairs not be done in time
            seen = look_at_pairs(seen, cache, lambda *_: self._go_on(), workers=1)
            self._trouble = cache.trouble
        self._seen = seen
        self._news = _forbidding(replace(self._case, dataset=seen, cache={}))

    def _go_on(self) -> None:
        if self._is_over.is_set():
            raise _OverError


def _step_back() -> None:
    """Give this thread, and those it starts, the lowest priority. Other systems than Linux know priorities of processes only."""
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICE)


def _forbidding(case: Case) -> Text | None:
    """Return the first finding that forbids a launch: what was known of them before has not let this one begin."""
    from orchestrator.diagnose.engine import judge

    found = [f for f in judge(case, "before").findings if f.is_fired and f.severity is Severity.STOP]
    return next((finding.message for finding in found if finding.ignored_because is None), None)


def _recalled(dataset: Dataset) -> Dataset:
    from orchestrator.dataset.looked import recalled

    return recalled(dataset)


def _unfinished(dataset: Dataset) -> Text | None:
    """Say how far the look came, and who takes it on; None where it saw all."""
    if not dataset.not_looked_at:
        return None
    total = len({picture.path for folder in dataset.folders for picture in folder.pictures})
    seen = len(dataset.looked.facts) if dataset.looked is not None else 0
    what = Text(
        f"Beside the run {seen} of {total} pictures were looked at and not compared with each other",
        f"训练期间查看了 {total} 张图片中的 {seen} 张，尚未互相比较",
    )
    return Text(
        f"{what.en}; `lora-run dataset check RECIPE` goes on from there.",
        f"{what.zh}；`lora-run dataset check RECIPE` 会接着做。",
    )
