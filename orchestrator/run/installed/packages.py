"""Does the trainer's environment have what a recipe needs? Looked up by name in its folders; no process is started."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core.finding import Problem
from orchestrator.core.text import Text
from orchestrator.run.installed.vendor_home import read_state, vendor_home

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from orchestrator.backends.protocol import Need, Trainer

LACKING = "package-missing"
_METADATA = re.compile(r"(.+?)-[^-]+(?:-py\d[\d.]*)?\.(?:dist-info|egg-info)")


def look_for(needs: Sequence[Need], trainer: Trainer) -> tuple[Problem | None, tuple[Text, ...]]:
    """Return what the installed trainer's environment lacks of `needs`, and what could not be looked at.

    The folders were told by the interpreter when the trainer was installed or adopted; what lies in them is looked at now, so that a
    package installed since then counts.
    """
    if not needs:
        return None, ()
    state = read_state(vendor_home(trainer.name))
    installed = None if state is None or state.package_folders is None else packages_in(state.package_folders)
    if installed is None:
        return None, (_unseen(needs),)
    lacking = [need for need in needs if canonical(need.package) not in installed]
    return (_lacking(lacking, trainer.python) if lacking else None), ()


def packages_in(folders: Iterable[str]) -> frozenset[str] | None:
    """Return the packages of these folders by their canonical names; None when one of the folders is gone: another Python moved in."""
    found: set[str] = set()
    for folder in folders:
        try:
            names = [entry.name for entry in Path(folder).iterdir()]
        except OSError:
            return None
        found.update(canonical(match[1]) for match in map(_METADATA.fullmatch, names) if match)
    return frozenset(found)


def canonical(name: str) -> str:
    """Return a package's name as indexes compare it: `lion_pytorch` and `Lion-PyTorch` are one."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pip_install(python: Path, packages: Sequence[str]) -> str:
    """Return the command that installs packages into the environment of `python`."""
    return f"{shlex.quote(str(python))} -m pip install {' '.join(packages)}"


def _lacking(needs: Sequence[Need], python: Path) -> Problem:
    en = " and ".join(f"{need.package} ({need.asked_by})" for need in needs)
    zh = "和 ".join(f"{need.package}（{need.asked_by}）" for need in needs)
    command = pip_install(python, [need.package for need in needs])
    instead = {need.instead.en: need.instead for need in needs}.values()
    return Problem(
        LACKING,
        Text(f"the trainer's environment lacks {en}", f"训练器的环境中缺少 {zh}"),
        why=Text("the trainer imports it and would stop", "训练器会导入它，届时会停止"),
        fix=Text(
            f"run `{command}`, or {' and '.join(text.en for text in instead)}",
            f"运行 `{command}`，或{'，并'.join(text.zh for text in instead)}",
        ),
        where=needs[0].where,
    )


def _unseen(needs: Sequence[Need]) -> Text:
    names = ", ".join(f"{need.package} ({need.asked_by})" for need in needs)
    return Text(
        f"not looked at: whether the trainer's environment has {names}; `lora-run vendor install sd-scripts`, with the options "
        "of the first time, lets it be seen",
        f"未检查：训练器的环境中是否有 {names}；用最初的选项再运行一次 `lora-run vendor install sd-scripts` 即可检查",
    )
