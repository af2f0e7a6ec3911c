"""What the page brings along: its style, its scripts, the plotting library, and the policy that allows exactly these by hash."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.resources import files

from markupsafe import Markup

LIBRARY = "uplot"
"""Folder under `assets`: the files as published, their licence, and `source.toml` with version and hashes."""


_UPLOT = f"assets/{LIBRARY}/"
PAGES = {
    "report": (
        (f"{_UPLOT}uPlot.min.css", "templates/report.css"),
        (f"{_UPLOT}uPlot.iife.min.js", "templates/report.js"),
    ),
    "dataset": (("templates/report.css", "templates/dataset.css"), ("templates/dataset.js",)),
}
"""Page -> its styles and scripts, files of this package in their order."""


@cache
def embedded(page: str) -> dict[str, tuple[Markup, ...] | Markup]:
    """Return `styles` and `scripts` in their order, and `policy`, the content security policy."""
    room = files("orchestrator.report")
    styles, scripts = (tuple((room / name).read_text(encoding="utf-8") for name in names) for names in PAGES[page])
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hashes(styles)}; script-src {_hashes(scripts)}; "
        "base-uri 'none'; form-action 'none'"
    )
    # All of this comes from this package, not from data.
    return {
        "styles": tuple(Markup(text) for text in styles),  # noqa: S704
        "scripts": tuple(Markup(text) for text in scripts),  # noqa: S704
        "policy": Markup(policy),  # noqa: S704
    }


def _hashes(texts: tuple[str, ...]) -> str:
    return " ".join(f"'{_hash(text)}'" for text in texts)


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")
