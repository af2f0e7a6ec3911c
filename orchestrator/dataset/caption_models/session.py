"""ONNX models opened by onnxruntime, and what they say about themselves. ONNX is a graph of known operators: opening it runs no code of its author."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from orchestrator.core.errors import EnvironmentFault, InputError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text, same
from orchestrator.dataset.caption_models.files import missing_package

if TYPE_CHECKING:
    from pathlib import Path

Device = Literal["auto", "cpu", "cuda"]
_CUDA, _CPU = "CUDAExecutionProvider", "CPUExecutionProvider"


def open_session(path: Path, device: Device = "auto") -> Any:
    """Return an `onnxruntime.InferenceSession`. `auto`: the GPU where the installed onnxruntime has it, else the CPU.

    Raises InputError for a file that is no usable model, EnvironmentFault where onnxruntime or the wanted device is missing.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise EnvironmentFault([missing_package("onnxruntime")]) from error
    has_cuda = _CUDA in onnxruntime.get_available_providers()
    if device == "cuda" and not has_cuda:
        raise EnvironmentFault([_no_cuda()])
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # what goes wrong arrives as an exception; its own lines would tear the progress bar
    providers = [_CUDA, _CPU] if has_cuda and device != "cpu" else [_CPU]
    try:
        session = onnxruntime.InferenceSession(str(path), sess_options=options, providers=providers)
    except Exception as error:  # its exceptions have no common base
        raise InputError([_no_model(path, error)]) from error
    if device == "cuda" and _CUDA not in session.get_providers():
        raise EnvironmentFault([_no_cuda()])
    return session


def device_of(session: Any) -> str:
    """Return `cuda` or `cpu`: where the model really runs."""
    return "cuda" if _CUDA in session.get_providers() else "cpu"


def unfit(name: str, en: str, zh: str, fix: Text) -> InputError:
    """Return the error for a model that opens but is not of the kind that is meant."""
    return InputError([Problem("model-unfit", Text(f"`{name}`: {en}", f"`{name}`：{zh}"), fix=fix)])


def _no_cuda() -> Problem:
    return Problem(
        "no-cuda-for-onnx",
        Text("this onnxruntime cannot use the GPU", "当前的 onnxruntime 无法使用 GPU"),
        Text("the plain package is for the CPU; the other one also needs fitting CUDA libraries", "普通软件包只支持 CPU；GPU 版还需要匹配的 CUDA 库"),
        Text("install `onnxruntime-gpu` in its place, or take the CPU", "改装 `onnxruntime-gpu`，或使用 CPU"),
    )  # fmt: skip


def _no_model(path: Path, error: Exception) -> Problem:
    return Problem(
        "model-unreadable",
        Text(f"`{path.name}` is no model that onnxruntime can open", f"onnxruntime 无法打开 `{path.name}`"),
        same((str(error).strip().splitlines() or [type(error).__name__])[0]),
        Text(
            "fetch it again: it may be cut off, or only a pointer of git-lfs",
            "请重新获取：它可能不完整，或只是 git-lfs 指针",
        ),
    )
