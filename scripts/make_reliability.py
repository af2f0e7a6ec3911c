"""Write docs/reliability.md: what was tried to lose a run, how often, and what was lost. `--check` only compares.

The tests say it themselves: a test module's `RELIABILITY` names what its tests try, with counts taken from its own lists.
The long loops (`make chaos`, `make chaos-sd-scripts`) leave their latest result in docs/*.json.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "reliability.md"
GROUPS = {
    "A": "Killed, crashed, gone on with",
    "B": "Disks",
    "C": "Torn and hostile model files",
    "D": "Several at once",
    "E": "Wrong recipes",
    "F": "Hostile data sets",
    "G": "Hostile logs",
    "H": "Hostile event files",
    "I": "Report, secrets, permissions",
    "T": "Threats",
}
HEAD = """# What was tried to lose a run

A night of training must not be lost to something a wrapper can handle, and a file from the internet must not be able to
hurt. This page is made from the tests: each line is a claim of a test module, which fails when the claim does not hold.
How resuming works: [resume.md](resume.md).
"""


class Collected:
    """A pytest plugin that keeps what test modules claim."""

    def __init__(self) -> None:
        self.claims: dict[str, list[tuple[str, str]]] = {}

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Take the claims of every collected module."""
        modules = {item.module for item in session.items if isinstance(item, pytest.Function)}
        for module in sorted(modules, key=lambda one: str(one.__file__)):
            place = Path(str(module.__file__)).relative_to(ROOT).as_posix()
            for key, text in getattr(module, "RELIABILITY", {}).items():
                self.claims.setdefault(key, []).append((" ".join(str(text).split()), place))


def page() -> str:
    """Return the page."""
    files = [
        str(p) for p in sorted((ROOT / "tests").rglob("test_*.py")) if "RELIABILITY" in p.read_text(encoding="utf-8")
    ]
    collected = Collected()
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = pytest.main(
            ["--collect-only", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *files], plugins=[collected]
        )
    if code != 0:
        sys.stderr.write(said.getvalue()[-4000:])
        raise SystemExit(f"the tests could not be collected (exit {code})")
    parts = [HEAD, *loops()]
    for letter, title in GROUPS.items():
        keys = sorted((k for k in collected.claims if k[0] == letter), key=_order)
        if keys:
            rows = [f"| {key} | {text} | `{place}` |" for key in keys for text, place in collected.claims[key]]
            parts.append("\n".join([f"## {title}\n", "| | tried | by |", "|---|---|---|", *rows]) + "\n")
    return "\n".join(parts)


def loops() -> list[str]:
    """Return the sections of the long loops whose results are kept."""
    made = []
    for name in ("chaos", "chaos-sd-scripts"):
        path = ROOT / "docs" / f"{name}.json"
        if path.is_file():
            made.append(_loop(f"make {name}", path.name, json.loads(path.read_text(encoding="utf-8"))))
    return made


def _loop(command: str, file: str, result: dict[str, Any]) -> str:
    torn = (
        f"{result['torn_files_of_the_trainer']} torn files under good names"
        f" and {result['torn_states_of_the_trainer']} torn states"
    )
    lost = {
        "runs gone on with from another state than the newest whole one": result["wrong_picks"],
        "published files lost or changed": result["lost_published_files"],
        "torn files published": result["torn_published_files"],
        "kills after which something of the run lived longer than 10 s": result["left_alive_after_10_s"],
        "whole files of the trainer that were never published": result["whole_files_never_published"],
        "runs that did not train the planned steps": result["wrong_steps"],
        "anything else": result["other"],
    }
    rows = [f"| {what} | {len(found)} |" for what, found in lost.items()]
    return "\n".join(
        [
            f"## `kill -9`, {result['kills']} times, on {result['trainer']}\n",
            (
                f"`{command}`, {result['date']}, {result['machine']}, seed {result['seed']}: {result['runs']} runs in"
                f" {result['attempts']} launches. The trainer itself left {torn};"
                f" the slowest end of everything took {result['slowest_end_s']} s. All of it: [{file}]({file}).\n"
            ),
            "| lost | |",
            "|---|---|",
            *rows,
            "",
        ]
    )


def _order(key: str) -> tuple[str, int]:
    match = re.fullmatch(r"([A-Z])(\d+)\w*", key)
    return (key[0], int(match[2])) if match else (key, 0)


def main() -> int:
    """Write or compare."""
    text = page()
    if "--check" in sys.argv[1:]:
        if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == text:
            return 0
        sys.stderr.write("docs/reliability.md is not what the tests say: run `make docs`\n")
        return 1
    PAGE.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
