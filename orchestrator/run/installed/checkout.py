"""Fetching a trainer's source at one commit, and looking at a checkout that is there already. git runs through GitPython."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.finding import Problem
from orchestrator.core.record import scrub
from orchestrator.core.text import Text, same
from orchestrator.run.installed.manifest import changes_text, find_changes

if TYPE_CHECKING:
    from collections.abc import Callable

_COMMIT = re.compile(r"[0-9a-f]{40}")
_URL = re.compile(r"^(https?|ssh|git|file)://[^\s]+$|^[\w.-]+@[\w.-]+:[^\s]+$")
_LINK, _SUBMODULE = "120000", "160000"
_GIT_OPTIONS = (
    f"core.hooksPath={os.devnull}",  # no program of a foreign repository is ever started
    "core.fsmonitor=false",
    "protocol.ext.allow=never",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "core.autocrlf=false",
    "core.symlinks=false",
    "advice.detachedHead=false",
)


@dataclass(frozen=True, slots=True)
class Checkout:
    """A trainer's source on disk."""

    path: Path
    commit: str
    tree: str
    files: dict[str, str]
    """Path -> git blob hash, as committed."""
    changes: tuple[str, ...]
    """What differs on disk."""


def fetch_checkout(source: str, commit: str, path: Path, tell: Callable[[Text], None]) -> Checkout:
    """Fetch one commit from `source` (URL or local repository) into `path` and return it.

    A checkout that is there already is moved to the commit when it has no local edits.
    Raises EnvironmentFault when git is missing, the source cannot be read, or local edits are in the way.
    """
    where = _check_source(source)
    if path.exists():
        here = look_at_checkout(path)
        if here.commit == commit:
            tell(Text(f"{path} is at {commit} already", f"{path} 已位于 {commit}"))
            return here
        if here.changes:
            raise EnvironmentFault([edits_problem(here)])
        _fetch_into(path, where, commit, tell)
        return look_at_checkout(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    try:
        _fetch_into(staging, where, commit, tell)
        staging.chmod(0o777 & ~_umask())
        staging.rename(path)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return look_at_checkout(path)


def look_at_checkout(path: Path) -> Checkout:
    """Return commit, tree and local edits of a checkout. Nothing in it is run or changed.

    Raises EnvironmentFault when it is no git checkout, or its commit holds links or submodules.
    """
    git = _import_git()
    try:
        repo = git.Repo(path)
        with repo:
            repo.git.update_environment(**_environment(Path(repo.git_dir), path))
            commit = repo.head.commit.hexsha
            tree = repo.head.commit.tree.hexsha
            listing = repo.git(c=list(_GIT_OPTIONS)).ls_tree("-r", "-z", "--full-tree", commit)
    except (git.GitError, ValueError, OSError) as error:
        raise EnvironmentFault([_no_checkout(path, error)]) from error
    files = _parse_tree(listing)
    return Checkout(path, commit, tree, files, find_changes(path, files))


def edits_problem(checkout: Checkout) -> Problem:
    """Return the refusal of a checkout with local edits."""
    return Problem(
        "trainer-modified",
        Text(f"the trainer's source has local edits: {checkout.path}", f"训练器源码有本地修改：{checkout.path}"),
        why=changes_text(checkout.changes),
        fix=Text(
            "undo them (`git checkout .`), or adopt them on purpose: `lora-run vendor install sd-scripts --allow-changes` "
            "(with `--path` for a checkout of your own); every run and report then says so",
            "撤销修改（`git checkout .`），或有意采用：`lora-run vendor install sd-scripts --allow-changes`"
            "（自己的检出再加 `--path`）；之后每次运行和报告都会注明",
        ),
    )


def _fetch_into(path: Path, source: str, commit: str, tell: Callable[[Text], None]) -> None:
    git = _import_git()
    try:
        environment = _environment(path / ".git", path)
        with git.Repo.init(path, env=environment) as repo:
            repo.git.update_environment(**environment)
            place = scrub(source)
            tell(Text(f"fetching {commit} from {place}", f"正在从 {place} 获取 {commit}"))
            _fetch(repo, git, source, commit)
            repo.git(c=list(_GIT_OPTIONS)).checkout("--detach", "--force", commit)
    except (git.GitError, ValueError, OSError) as error:
        raise EnvironmentFault([_cannot_fetch(source, commit, error)]) from error


def _fetch(repo: Any, git: Any, source: str, commit: str) -> None:
    """Fetch the one commit; where a server gives branch tips only, all branches and tags."""
    common = ("--no-recurse-submodules", "--force", "--quiet")
    try:
        repo.git(c=list(_GIT_OPTIONS)).fetch(*common, "--depth=1", "--no-tags", "--", source, commit)
    except git.GitCommandError:
        refs = ("+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*")
        repo.git(c=list(_GIT_OPTIONS)).fetch(*common, "--", source, *refs)


def _parse_tree(listing: str) -> dict[str, str]:
    files = {}
    for entry in listing.split("\0"):
        head, _, name = entry.partition("\t")
        if not name:
            continue
        mode, _, blob = head.split()
        if mode in {_LINK, _SUBMODULE}:
            raise EnvironmentFault([_strange_entry(name, mode)])
        files[name] = blob
    return files


def _check_source(source: str) -> str:
    """Return where to fetch from. Refuses git's transport helpers (`ext::`), which run programs."""
    if Path(source).exists():
        return str(Path(source).absolute())
    if _URL.match(source) and "::" not in source.partition("://")[0]:
        return source
    raise EnvironmentFault(
        [
            Problem(
                "bad-source",
                Text(f"nothing to fetch from: {scrub(source)}", f"无法从这里获取：{scrub(source)}"),
                why=Text(
                    "it is neither an existing folder nor an https, ssh, git or file address",
                    "它既不是现有目录，也不是 https、ssh、git 或 file 地址",
                ),
                fix=Text(
                    "`--from /path/to/mirror.git` or `--from https://...`",
                    "`--from /path/to/mirror.git` 或 `--from https://...`",
                ),
            )
        ]
    )


def check_commit(commit: str) -> str:
    """Return `commit` in lower case. Raises EnvironmentFault unless it is a whole one: a branch or tag can move."""
    if _COMMIT.fullmatch(commit.lower()):
        return commit.lower()
    raise EnvironmentFault(
        [
            Problem(
                "bad-commit",
                Text(f"`{commit}` is no whole commit", f"`{commit}` 不是完整的提交号"),
                why=Text(
                    "branches, tags and short names can come to mean something else",
                    "分支、标签和短名称以后可能指向别处",
                ),
                fix=Text("give all 40 hexadecimal digits", "请写全 40 位十六进制"),
            )
        ]
    )


def _import_git() -> Any:
    """Import GitPython when it is needed: it looks for the git program while it is imported."""
    try:
        import git
    except ImportError as error:
        raise EnvironmentFault(
            [
                Problem(
                    "no-git",
                    Text("the git program was not found", "找不到 git 程序"),
                    why=same(str(error).strip().splitlines()[0]),
                    fix=Text("install git (Debian: `apt install git`)", "请安装 git（Debian：`apt install git`）"),
                )
            ]
        ) from error
    return git


def _environment(git_dir: Path, work_tree: Path) -> dict[str, str]:
    """Return variables for git. A git hook that calls this tool has set some of them for another repository."""
    return {
        "GIT_DIR": str(git_dir.absolute()),
        "GIT_WORK_TREE": str(work_tree.absolute()),
        "GIT_INDEX_FILE": str(git_dir.absolute() / "index"),
        "GIT_TEMPLATE_DIR": "",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_NO_REPLACE_OBJECTS": "1",
    }


def _umask() -> int:
    current = os.umask(0)
    os.umask(current)
    return current


def _reason(error: Exception) -> Text:
    words = getattr(error, "stderr", "") or str(error)
    return same(scrub(words.strip().removeprefix("stderr: ").strip("'\n ")[-600:]))


def _cannot_fetch(source: str, commit: str, error: Exception) -> Problem:
    return Problem(
        "cannot-fetch",
        Text(f"commit {commit} cannot be fetched from {scrub(source)}", f"无法从 {scrub(source)} 获取提交 {commit}"),
        why=_reason(error),
        fix=Text(
            "check the network, or fetch from a local mirror: `--from /path/to/mirror.git`",
            "检查网络，或使用本地镜像：`--from /path/to/mirror.git`",
        ),
    )


def _no_checkout(path: Path, error: Exception) -> Problem:
    return Problem(
        "no-checkout",
        Text(f"{path} is no git checkout that can be read", f"{path} 不是可读取的 git 检出"),
        why=_reason(error) if str(error).strip("' ") != str(path) else _NO_REPOSITORY,
        fix=Text("clone the trainer with git and give that folder", "请用 git 克隆训练器，并给出该目录"),
    )


_NO_REPOSITORY = Text("there is no git repository at this place", "该位置没有 git 仓库")


def _strange_entry(name: str, mode: str) -> Problem:
    en, zh = ("a symbolic link", "符号链接") if mode == _LINK else ("a submodule", "子模块")
    return Problem(
        "strange-checkout",
        Text(f"the trainer's commit holds {en}: {name}", f"训练器的提交包含{zh}：{name}"),
        why=Text("what such an entry leads to cannot be checked", "无法检查它指向的内容"),
        fix=Text("use the pinned commit", "请使用固定的提交"),
    )
