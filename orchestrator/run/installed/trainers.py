"""Finding the installed trainer, and making sure before each launch that it is still the same."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import orchestrator
from orchestrator.backends.protocol import Trainer
from orchestrator.core.errors import EnvironmentFault, RecordError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text, same
from orchestrator.run.installed.vendor_home import ENTRY, SD_SCRIPTS, read_state, vendor_home

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.run.installed.vendor_home import VendorHome, VendorState

POCKET = "pocket"
POCKET_PACKAGES = ("torch", "diffusers", "transformers", "peft", "accelerate", "tensorboard")
NOT_INSTALLED = "trainer-not-installed"
POCKET_COMMAND = "pip install '.[pocket]'  (in the checkout of this project)"


def find_trainer(family: str) -> Trainer:
    """Return the trainer of a model family. Quick: nothing is run and git is not needed.

    Raises EnvironmentFault, with what to install, when it is absent, incomplete, or not the commit that was installed.
    """
    if family == POCKET:
        return _find_pocket()
    home = vendor_home(SD_SCRIPTS)
    try:
        state = read_state(home)
    except (RecordError, TypeError, KeyError) as error:
        raise EnvironmentFault([_unreadable(home.record, error)]) from error
    if state is None:
        raise EnvironmentFault([_not_installed(family)])
    for path in (state.python, state.path / ENTRY):
        if not path.exists():
            raise EnvironmentFault([_gone(path)])
    from orchestrator.backends.argspec import read_commit

    commit = read_commit(state.path)
    if commit != state.commit:
        raise EnvironmentFault([_moved(state, commit)])
    return trainer_of(home, state)


def trainer_of(home: VendorHome, state: VendorState) -> Trainer:
    """Return the trainer that a record of an installation describes."""
    has_own_options = (home.options / f"{state.commit}.json").is_file()
    return Trainer(
        state.name,
        state.python,
        state.path,
        state.commit,
        state.is_modified,
        options_dir=home.options if has_own_options else None,
    )


def expected_trainer(family: str) -> tuple[Trainer, Problem | None]:
    """Return the installed trainer, or the pinned one as it would be installed and why it cannot be started.

    Either is enough to check, plan and compile.
    """
    try:
        return find_trainer(family), None
    except EnvironmentFault as fault:
        return pinned_trainer(family), fault.problems[0]


def pinned_trainer(family: str) -> Trainer:
    """Return the trainer of a family as it would be installed by this tool. Enough to check, plan and compile; not to launch."""
    if family == POCKET:
        return _pocket()
    from orchestrator.run.installed.pins import read_pin

    home = vendor_home(SD_SCRIPTS)
    return Trainer(
        SD_SCRIPTS,
        home.python,
        home.checkout,
        read_pin(SD_SCRIPTS).commit,
    )


def verify_trainer(trainer: Trainer) -> tuple[str, ...]:
    """Compare the trainer's files with its commit, right before a launch. Return the local edits, adopted ones only.

    Raises EnvironmentFault for edits that were not adopted on purpose, those of a later day in adopted files too.
    """
    if trainer.name == POCKET:
        return ()
    from orchestrator.run.installed.manifest import find_changes, hashes_of, read_manifest
    from orchestrator.run.installed.seen_files import SeenFiles

    home = vendor_home(trainer.name)
    try:
        files, state = read_manifest(home.manifest), read_state(home)
    except (RecordError, KeyError, TypeError) as error:
        raise EnvironmentFault([_unreadable(home.manifest, error)]) from error
    seen = SeenFiles(home.seen, trainer.root)
    changes = find_changes(trainer.root, files, seen)
    seen.save()
    adopted = (state.adopted if state is not None else None) or {}
    now = hashes_of(trainer.root, changes)
    strange = tuple(change for change in changes if adopted.get(change) != now[change])
    if strange:
        from orchestrator.run.installed.checkout import Checkout, edits_problem

        raise EnvironmentFault([edits_problem(Checkout(trainer.root, trainer.commit, "", {}, strange))])
    return changes


@contextlib.contextmanager
def trainer_held(trainer: Trainer, run: str) -> Iterator[None]:
    """Keep an installed trainer from being changed while `run` goes on; the embedded one is not installed.

    Raises EnvironmentFault while it is being changed.
    """
    if trainer.name == POCKET:
        yield
        return
    from orchestrator.run.installed.trainer_lock import trainer_in_use

    with trainer_in_use(vendor_home(trainer.name), run):
        yield


def about_trainer(trainer: Trainer) -> tuple[Text, ...]:
    """Return what every run and report must say about the trainer: another commit than the pinned one, local edits."""
    if trainer.name == POCKET:
        return ()
    from orchestrator.run.installed.pins import read_pin

    notes = []
    pinned = read_pin(trainer.name).commit
    if trainer.commit != pinned:
        notes.append(
            Text(
                f"The trainer is at commit {trainer.commit[:12]}, not the pinned {pinned[:12]}: what was measured need not hold.",
                f"训练器位于提交 {trainer.commit[:12]}，而不是固定的 {pinned[:12]}：已测量的结论未必成立。",
            )
        )
    if trainer.is_modified:
        notes.append(
            Text("The trainer's source has local edits, adopted on purpose.", "训练器的源码有本地修改，是有意采用的。")
        )
    return tuple(notes)


def missing_pocket_packages() -> tuple[str, ...]:
    """Return which packages of the embedded trainer are not installed. Looks for them without importing them."""
    return tuple(name for name in POCKET_PACKAGES if importlib.util.find_spec(name) is None)


def _find_pocket() -> Trainer:
    missing = missing_pocket_packages()
    if missing:
        names = ", ".join(missing)
        raise EnvironmentFault(
            [
                Problem(
                    "pocket-not-installed",
                    Text(
                        f"the pocket trainer needs packages that are not installed: {names}",
                        f"pocket 训练器需要的包未安装：{names}",
                    ),
                    fix=same(POCKET_COMMAND),
                )
            ]
        )
    return _pocket()


def _pocket() -> Trainer:
    root = Path(orchestrator.__file__).parent / "backends" / "pocket" / "trainer"
    return Trainer(
        POCKET,
        Path(sys.executable),
        root,
        orchestrator.__version__,
    )


def _not_installed(family: str) -> Problem:
    return Problem(
        NOT_INSTALLED,
        Text(
            f"`{family}` is trained by sd-scripts, which is not installed",
            f"`{family}` 由 sd-scripts 训练，但它尚未安装",
        ),
        fix=Text(
            "run `lora-run vendor install sd-scripts`; without a network add `--from /path/to/mirror.git`; "
            "an existing installation is adopted with `--path CHECKOUT --python EXE`",
            "运行 `lora-run vendor install sd-scripts`；没有网络时加 `--from /path/to/mirror.git`；"
            "已有安装用 `--path 检出目录 --python 解释器` 采用",
        ),
    )


def _unreadable(path: Path, error: Exception) -> Problem:
    return Problem(
        "bad-installation-record",
        Text(f"the record of the installed trainer cannot be used: {path}", f"无法使用已安装训练器的记录：{path}"),
        why=error.problems[0].what if isinstance(error, RecordError) else _OTHER_FIELDS,
        fix=Text("run `lora-run vendor install sd-scripts` again", "请重新运行 `lora-run vendor install sd-scripts`"),
    )


_OTHER_FIELDS = Text("its fields are not the ones this version writes", "其中的字段与本版本写入的不同")


def _gone(path: Path) -> Problem:
    return Problem(
        "trainer-gone",
        Text(f"the installed trainer is no longer whole: {path} is gone", f"已安装的训练器不完整：{path} 不见了"),
        fix=Text("run `lora-run vendor install sd-scripts` again", "请重新运行 `lora-run vendor install sd-scripts`"),
    )


def _moved(state: VendorState, commit: str) -> Problem:
    return Problem(
        "trainer-moved",
        Text(
            f"the trainer's checkout is at {commit}, installed was {state.commit}",
            f"训练器检出位于 {commit}，安装时是 {state.commit}",
        ),
        why=Text("its options may be others now", "它的选项可能已经不同"),
        fix=Text(
            f"`git checkout {state.commit}` in {state.path}, or install again to adopt the new commit",
            f"在 {state.path} 执行 `git checkout {state.commit}`，或重新安装以采用新的提交",
        ),
    )
