"""Where a model's files lie: a folder of the user's, or the Hugging Face cache. Nothing is downloaded without being asked.

Only files that are named by the model's own module are ever fetched or read: ONNX, CSV, JSON and plain text, never a pickle.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.core.errors import EnvironmentFault, InputError
from orchestrator.core.finding import Problem
from orchestrator.core.home_path import at_home
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

_REPO = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*(@[\w./-]+)?")
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class HubModel:
    """A repository on the Hugging Face Hub, at a named state."""

    repo: str
    """`owner/name`."""
    revision: str
    """A tag, a branch or a commit."""

    def __str__(self) -> str:
        return f"{self.repo}@{self.revision}"


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files of one model, all there."""

    paths: dict[str, Path]
    """Name -> where it lies."""
    name: str
    """Of the model, for people: the folder's name, or `owner/name@` with the commit that was really taken."""


def parse_model(text: str, revision: str = "main") -> Path | HubModel:
    """Return what `--model` names: a folder where there is one of this name, else `owner/name` or `owner/name@revision`.

    Raises InputError where it can be neither.
    """
    folder = at_home(text)
    if folder.is_dir():
        return folder
    if not _REPO.fullmatch(text):
        raise InputError([_neither(text)])
    repo, _, wanted = text.partition("@")
    return HubModel(repo, wanted or revision)


def find_files(model: Path | HubModel, names: Sequence[str], *, download: bool = False) -> ModelFiles:
    """Return the files of `model`; all of `names` are needed. `download`: fetch from the Hub what is not in the cache.

    Raises InputError for a folder that lacks files, EnvironmentFault where the Hub or its cache does not have them.
    """
    if isinstance(model, Path):
        missing = [name for name in names if not (model / name).is_file()]
        if missing:
            raise InputError([_lacks(model, missing, names)])
        return ModelFiles({name: model / name for name in names}, model.resolve().name)
    paths = {name: _from_hub(model, name, names, download=download) for name in names}
    return ModelFiles(paths, f"{model.repo}@{_commit(paths[names[0]], model)}")


def _from_hub(model: HubModel, name: str, names: Sequence[str], *, download: bool) -> Path:
    try:
        import huggingface_hub
        from huggingface_hub import constants, errors
    except ImportError as error:
        raise EnvironmentFault([missing_package("huggingface_hub")]) from error
    is_offline = bool(constants.HF_HUB_OFFLINE)
    try:
        found = huggingface_hub.hf_hub_download(
            model.repo,
            name,
            revision=model.revision,
            local_files_only=not download or is_offline,
            endpoint=os.environ.get("HF_ENDPOINT"),
        )
    except errors.GatedRepoError as error:
        raise EnvironmentFault([_gated(model, names)]) from error
    except errors.LocalEntryNotFoundError as error:
        if download and not is_offline:
            raise EnvironmentFault([_unreachable(model, names, error)]) from error
        raise EnvironmentFault([_not_in_cache(model, name, names, is_offline=is_offline)]) from error
    except (errors.RevisionNotFoundError, errors.RepositoryNotFoundError, errors.EntryNotFoundError) as error:
        raise EnvironmentFault([_unknown_there(model, name, names, error)]) from error
    except errors.HFValidationError as error:
        raise InputError([_neither(str(model))]) from error
    except OSError as error:  # its HTTP errors, and a full or read-only disk
        raise EnvironmentFault([_unreachable(model, names, error)]) from error
    return Path(found)


def _commit(found: Path, model: HubModel) -> str:
    """Return the commit that the cache's folder is named after, else the revision that was asked for."""
    name = found.parent.name
    return name if _COMMIT.fullmatch(name) else model.revision


def missing_package(package: str, extra: str = "caption") -> Problem:
    """Return the problem of an optional package that is not installed."""
    return Problem(
        "package-missing",
        Text(f"the package `{package}` is not installed", f"未安装软件包 `{package}`"),
        Text("only this tool needs it, so it is an extra", "只有这个工具需要它，因此是可选组件"),
        Text(
            f"install it: pip install 'lora-orchestrator[{extra}]'", f"请安装：pip install 'lora-orchestrator[{extra}]'"
        ),
    )


def _by_hand(model: HubModel, names: Sequence[str]) -> Text:
    files = ", ".join(f"`{name}`" for name in names)
    address = f"https://huggingface.co/{model.repo}/tree/{model.revision}"
    return Text(
        f"by hand: save {files} from {address} into a folder and name it with `--model FOLDER`",
        f"手动：从 {address} 把 {files} 存到一个文件夹，再用 `--model 文件夹` 指定",
    )


def _neither(text: str) -> Problem:
    return Problem(
        "model-unknown",
        Text(f"`{text}` is neither a folder nor the name of a model", f"`{text}` 既不是文件夹，也不是模型名"),
        Text("a model on the Hub is written `owner/name` or `owner/name@revision`", "Hub 上的模型写作 `作者/名称` 或 `作者/名称@版本`"),
        Text("write a folder that exists, or such a name", "请写存在的文件夹，或这样的名称"),
    )  # fmt: skip


def _lacks(folder: Path, missing: Sequence[str], names: Sequence[str]) -> Problem:
    lost, wanted = (", ".join(f"`{name}`" for name in some) for some in (missing, names))
    return Problem(
        "model-files-missing",
        Text(f"the model in `{folder}` lacks {lost}", f"`{folder}` 中的模型缺少 {lost}"),
        Text(f"it consists of {wanted}", f"它由 {wanted} 组成"),
        Text("put the files there under these names", "请把文件以这些名称放到那里"),
    )


def _not_in_cache(model: HubModel, name: str, names: Sequence[str], *, is_offline: bool) -> Problem:
    hand = _by_hand(model, names)
    if is_offline:
        why = Text("HF_HUB_OFFLINE is set, so nothing is fetched", "设置了 HF_HUB_OFFLINE，因此不会下载")
        way = Text("unset HF_HUB_OFFLINE and add `--download`", "取消 HF_HUB_OFFLINE 并加上 `--download`")
    else:
        why = Text("nothing is downloaded without being asked", "未经要求不会下载任何东西")
        way = Text("add `--download`", "加上 `--download`")
    return Problem(
        "model-not-downloaded",
        Text(f"`{name}` of {model} is not on this machine", f"本机没有 {model} 的 `{name}`"),
        why,
        Text(f"{way.en}; or {hand.en}", f"{way.zh}；或{hand.zh}"),
    )


def _unreachable(model: HubModel, names: Sequence[str], error: Exception) -> Problem:
    hand = _by_hand(model, names)
    reason = f"{type(error.__cause__ or error).__name__}: {str(error).strip().splitlines()[0] if str(error) else ''}"
    return Problem(
        "model-download-failed",
        Text(f"{model} could not be downloaded", f"无法下载 {model}"),
        Text(reason, reason),
        Text(
            f"check the network, or name a mirror with HF_ENDPOINT; or {hand.en}",
            f"检查网络，或用 HF_ENDPOINT 指定镜像；或{hand.zh}",
        ),
    )


def _gated(model: HubModel, names: Sequence[str]) -> Problem:
    hand = _by_hand(model, names)
    return Problem(
        "model-gated",
        Text(f"{model} is only given to those who agreed to its terms", f"{model} 只提供给同意其条款的人"),
        fix=Text(
            f"agree on its page and log in with `hf auth login`; or {hand.en}",
            f"在其页面上同意条款并用 `hf auth login` 登录；或{hand.zh}",
        ),
    )


def _unknown_there(model: HubModel, name: str, names: Sequence[str], error: Exception) -> Problem:
    kind = type(error).__name__
    if kind == "RevisionNotFoundError":
        what = Text(f"{model.repo} has no revision `{model.revision}`", f"{model.repo} 没有版本 `{model.revision}`")
        fix = Text(f"write another one: `--model {model.repo}@main`", f"换一个版本：`--model {model.repo}@main`")
    elif kind == "RepositoryNotFoundError":
        what = Text(f"the Hub does not know {model.repo}", f"Hub 上没有 {model.repo}")
        fix = Text("check the spelling; private ones need `hf auth login`", "检查拼写；私有模型需要 `hf auth login`")
    else:
        what = Text(f"{model} holds no `{name}`", f"{model} 中没有 `{name}`")
        wanted = ", ".join(f"`{one}`" for one in names)
        fix = Text(f"take a model that consists of {wanted}", f"请用由 {wanted} 组成的模型")
    return Problem("model-not-on-hub", what, fix=fix)
