"""Installing a trainer: its source at one commit, and an environment of its own. See also trainers.py, which finds it."""

from __future__ import annotations

import datetime as dt
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.finding import Problem
from orchestrator.core.refusal import reason_of
from orchestrator.core.text import Text
from orchestrator.run.installed.manifest import change_text
from orchestrator.run.installed.trainer_lock import installation_running, trainer_free
from orchestrator.run.installed.trainers import trainer_of
from orchestrator.run.installed.vendor_home import ENTRY, SD_SCRIPTS, VendorHome, VendorState, vendor_home, write_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from orchestrator.backends.protocol import Trainer
    from orchestrator.run.installed.checkout import Checkout
    from orchestrator.run.installed.pins import Pin
    from orchestrator.run.installed.probe import InterpreterFacts

REQUIREMENTS = "requirements.txt"
_SHOWN_DIFFERENCES = 20


def install(
    name: str,
    *,
    source: str | None = None,
    python: str | None = None,
    path: Path | None = None,
    commit: str | None = None,
    allow_changes: bool = False,
    cuda: str | None = None,
    tell: Callable[[Text], None] = lambda _text: None,
) -> Trainer:
    """Install a trainer, or adopt a checkout (`path`) or an environment (`python`); return it.

    `source`: URL or local repository instead of the pinned address; `commit`: another one than the pin (told and recorded);
    `allow_changes`: take local edits as they are (recorded); `cuda`: `cpu`, `cu124` ... instead of what the machine suggests.
    `tell` gets each line of progress. Raises EnvironmentFault; the record of what is installed changes only at the very end.
    """
    from orchestrator.run.installed.manifest import write_manifest
    from orchestrator.run.installed.pins import read_pin
    from orchestrator.run.installed.probe import ask_interpreter

    pin = read_pin(name)
    home = vendor_home(name)
    with _locked(home), trainer_free(home):
        checkout = _get_source(
            home, pin, path=path, source=source, commit=commit, allow_changes=allow_changes, tell=tell
        )
        _tell_about(checkout, pin, tell)
        _check_entry(checkout)
        _extract_options(checkout, pin, home, tell)
        interpreter, variant = _get_environment(home, pin, checkout, python=python, cuda=cuda, tell=tell)
        facts = ask_interpreter(interpreter, imports_torch=False)
        _tell_missing(interpreter, facts, tell)
        state = _state(checkout, interpreter, variant, "adopted" if path else source or pin.url, facts.folders)
        write_manifest(home.manifest, checkout.files)
        write_state(home, state)
    where = f"{state.path}, {state.commit[:12]}, {state.python}"
    tell(Text(f"{name} is ready: {where}", f"{name} 已就绪：{where}"))
    return trainer_of(home, state)


def _get_source(
    home: VendorHome,
    pin: Pin,
    *,
    path: Path | None,
    source: str | None,
    commit: str | None,
    allow_changes: bool,
    tell: Callable[[Text], None],
) -> Checkout:
    """Return the checkout to use: the user's own, the one that is there, or a fetched one. Refuses edits not adopted."""
    from orchestrator.run.installed.checkout import check_commit, edits_problem, fetch_checkout, look_at_checkout

    wanted = check_commit(commit or pin.commit)
    if path is not None:
        checkout = look_at_checkout(path.expanduser().absolute())
    elif allow_changes and home.checkout.exists():
        checkout = look_at_checkout(home.checkout)
    else:
        checkout = fetch_checkout(source or pin.url, wanted, home.checkout, tell)
    if commit is not None and checkout.commit != wanted:
        raise EnvironmentFault([_other_commit(checkout, wanted)])
    if checkout.changes and not allow_changes:
        raise EnvironmentFault([edits_problem(checkout)])
    return checkout


def _get_environment(
    home: VendorHome,
    pin: Pin,
    checkout: Checkout,
    *,
    python: str | None,
    cuda: str | None,
    tell: Callable[[Text], None],
) -> tuple[Path, str]:
    """Return the trainer's interpreter and which torch it got (`cpu`, `cu124`, ... or `adopted`)."""
    from orchestrator.run.installed.environment import adopt_interpreter, detect_torch, make_environment

    if python is not None:
        return adopt_interpreter(Path(python), _requirements(checkout), tell), "adopted"
    torch = detect_torch(pin, cuda)
    tell(
        Text(
            f"torch {torch.torch} with torchvision {torch.torchvision} for {torch.cuda}",
            f"torch {torch.torch} 与 torchvision {torch.torchvision}，用于 {torch.cuda}",
        )
    )
    return make_environment(home, pin, torch, _requirements(checkout), tell), torch.cuda


@contextmanager
def _locked(home: VendorHome) -> Iterator[None]:
    import filelock

    lock = filelock.FileLock(home.lock, timeout=0)
    try:
        home.state.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except filelock.Timeout as error:
        raise EnvironmentFault([installation_running(home)]) from error
    except OSError as error:
        raise EnvironmentFault(
            [
                Problem(
                    "cannot-write",
                    Text(
                        f"the folder of the trainers cannot be written: {home.root}", f"无法写入训练器目录：{home.root}"
                    ),
                    why=reason_of(error),
                    fix=Text("choose another with LORA_ORCHESTRATOR_HOME", "用 LORA_ORCHESTRATOR_HOME 换一个目录"),
                )
            ]
        ) from error
    try:
        yield
    finally:
        lock.release()


def _other_commit(checkout: Checkout, wanted: str) -> Problem:
    return Problem(
        "other-commit",
        Text(
            f"{checkout.path} is at {checkout.commit}, not at {wanted}",
            f"{checkout.path} 位于 {checkout.commit}，而不是 {wanted}",
        ),
        why=Text(
            "a checkout of your own, or with edits of your own, is never moved", "你自己的或有修改的检出不会被改动"
        ),
        fix=Text(
            f"`git checkout {wanted}` there, or leave out `--commit`",
            f"在那里执行 `git checkout {wanted}`，或去掉 `--commit`",
        ),
    )


def _check_entry(checkout: Checkout) -> None:
    if (checkout.path / ENTRY).is_file():
        return
    raise EnvironmentFault(
        [
            Problem(
                "not-the-trainer",
                Text(
                    f"{checkout.path} is no checkout of sd-scripts: it has no {ENTRY}",
                    f"{checkout.path} 不是 sd-scripts 的检出：没有 {ENTRY}",
                ),
                fix=Text("give the folder that git cloned", "请给出 git 克隆的目录"),
            )
        ]
    )


def _tell_about(checkout: Checkout, pin: Pin, tell: Callable[[Text], None]) -> None:
    if checkout.commit != pin.commit:
        tell(
            Text(
                f"this is commit {checkout.commit}, not the pinned {pin.commit}: every run will say so",
                f"当前提交是 {checkout.commit}，而不是固定的 {pin.commit}：每次训练都会注明",
            )
        )
    elif checkout.tree != pin.tree:
        raise EnvironmentFault(
            [
                Problem(
                    "wrong-tree",
                    Text(
                        f"the content of the pinned commit is not the pinned one: tree {checkout.tree}",
                        f"固定提交的内容不符：树 {checkout.tree}",
                    ),
                    why=Text(f"the pin says {pin.tree}", f"固定的树是 {pin.tree}"),
                    fix=Text("fetch from another source", "请换一个来源"),
                )
            ]
        )
    else:
        tell(
            Text(
                f"commit and tree are the pinned ones ({pin.commit[:12]}, licence {pin.licence})",
                f"提交和内容与固定的一致（{pin.commit[:12]}，许可证 {pin.licence}）",
            )
        )
    for change in checkout.changes:
        shown = change_text(change)
        tell(Text(f"local edit, adopted on purpose: {shown.en}", f"有意采用的本地修改：{shown.zh}"))


def _extract_options(checkout: Checkout, pin: Pin, home: VendorHome, tell: Callable[[Text], None]) -> None:
    """Store the options of a source that is not the pinned one, and tell what differs from the pinned options."""
    stored = home.options / f"{checkout.commit}.json"
    stored.unlink(missing_ok=True)
    if checkout.commit == pin.commit and not checkout.changes:
        return
    from orchestrator.backends import argspec

    argspec.save_options(checkout.path, checkout.commit, home.options)
    new = argspec.extract_options(checkout.path)
    old = {entry: argspec.load_options(pin.commit, entry) for entry in argspec.ENTRIES}
    found = argspec.differences(old, new)
    tell(
        Text(
            f"options were read from this source: {len(found)} differ from the pinned commit's",
            f"已从该源码读取选项：与固定提交相比有 {len(found)} 项不同",
        )
    )
    for difference in found[:_SHOWN_DIFFERENCES]:
        tell(Text(f"  {difference.text.en}", f"  {difference.text.zh}"))
    rest = len(found) - _SHOWN_DIFFERENCES
    if rest > 0:
        tell(Text(f"  ... and {rest} more", f"  …… 还有 {rest} 项"))


def _requirements(checkout: Checkout) -> str:
    path = checkout.path / REQUIREMENTS
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _tell_missing(python: Path, facts: InterpreterFacts, tell: Callable[[Text], None]) -> None:
    """Name the optional packages that are not there: fine, as long as no recipe asks for them."""
    from orchestrator.backends.sd_scripts.packages import OPTIONAL
    from orchestrator.run.installed.packages import canonical, pip_install

    missing = [p.name for p in OPTIONAL.values() if canonical(p.name) not in facts.packages]
    if missing:
        names, command = ", ".join(missing), pip_install(python, ["NAME"])
        tell(
            Text(
                f"not there, needed by some recipes only: {names}; `{command}` adds one",
                f"没有安装（只有部分配方需要）：{names}；用 `{command}` 添加",
            )
        )


def _state(checkout: Checkout, python: Path, cuda: str, source: str, folders: tuple[str, ...]) -> VendorState:
    from orchestrator.run.installed.manifest import hashes_of

    now = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
    is_modified, changes = bool(checkout.changes), checkout.changes
    return VendorState(
        SD_SCRIPTS,
        checkout.path,
        python,
        checkout.commit,
        checkout.tree,
        is_modified,
        changes,
        source,
        cuda,
        now,
        folders,
        hashes_of(checkout.path, changes),
    )
