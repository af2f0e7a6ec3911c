"""How a run ended, in the user's words. Exit code 0 alone is no success: the trainer also ends so without any data."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

from orchestrator.core.first_failed import signal_name
from orchestrator.core.rundir import RunDir
from orchestrator.core.text import Text
from orchestrator.run.process import last_words
from orchestrator.run.process.launched import NO_OUTPUT
from orchestrator.run.records.history import Attempt
from orchestrator.run.records.model import NOTHING_TRAINED, Ending, Outcome
from orchestrator.run.saved.final_file import problem_of_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.core.observation import Checkpoint
    from orchestrator.run.process.launched import Launched
    from orchestrator.run.records.history import History

LAST_LINES = 20
TRACEBACK_LINES = 60
_KILLED_EXITS = {137, -9}
_ENDING_SIGNALS = {"SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"}
_ENDING_EXITS = {129, 130, 137, 143}
"""What a shell makes of these signals."""
_SHELL = 128
_WINDOWS_CRASH = {3221225477, -1073741819}


class _Said(NamedTuple):
    """Ending, cause and message."""

    ending: Ending
    cause: str
    message: Text
    lines: tuple[str, ...] = ()


def judge_outcome(
    launched: Launched,
    rundir: RunDir,
    *,
    output_name: str | None = None,
    checkpoint: Checkpoint | None = None,
    planned_steps: int | None = None,
) -> Outcome:
    """Return how the run ended.

    `output_name`: the plan's; without it a name that ends in digits is a save point's. `checkpoint`: what reading the final file gave; without it only its existence counts. `planned_steps` are compared with its
    own, where it tells them. Causes: `ok`, `exit-error` (trained and saved, then failed), `rescued` (trained, the final file made
    from the last state), `interrupted`, `nothing-trained` (interrupted before the first step), `no-output`, `steps-short`, a stop
    rule's reason, `no-data`, `no-model`, `bad-model`, `stale-model`, `nan`, `zero-model`, `out-of-memory` (GPU),
    `out-of-host-memory`, `disk-full`, `killed`, `refused-arguments`, `crash`.
    Runs are shown to others: the user's home folder stands as `~` in what is quoted.
    """
    said = _judge(launched, rundir, output_name, checkpoint)
    if said.ending is Ending.SUCCEEDED:
        said = _steps_short(checkpoint, planned_steps) or said
    # nobody asks why after pressing Ctrl-C himself: the traceback of it would only look like a fault
    needs_no_words = said.ending in (Ending.SUCCEEDED, Ending.INTERRUPTED)
    lines = said.lines or (() if needs_no_words else _last(launched.tail))
    message = Text(last_words.without_home(said.message.en), last_words.without_home(said.message.zh))
    shown = tuple(last_words.without_home(line) for line in lines)
    return Outcome(said.ending, launched.exit_code, said.cause, message, launched.seconds, launched.first_step_s, shown)


def outcome_of_trained(rundir: RunDir, history: History, output_name: str, checkpoint: Checkpoint | None) -> Outcome:
    """Return how a run ended whose last step is published and whose tool died before it could tell.

    By its final file, as in `judge_outcome`, and by what its journal says of the newest attempt. Its time is that of the attempts whose
    end was written down.
    """
    last = history.attempts[-1] if history.attempts else Attempt(rundir.attempt)  # its line may be damaged
    wrong = problem_of_file(RunDir(rundir.root, last.number), checkpoint, _begun_at(last), output_name)
    if wrong is not None:
        said = _Said(Ending.FAILED, *wrong)
    elif last.ending == Ending.FAILED.value:  # with all steps and a whole file: what failed came after it
        said = _Said(Ending.SUCCEEDED, "exit-error", _exit_error(last.exit_code))
    else:
        cause = last.cause if last.ending == Ending.SUCCEEDED.value else "ok"
        message = {"rescued": _RESCUED, "exit-error": _exit_error(last.exit_code)}.get(cause, _TRAINED)
        said = _Said(Ending.SUCCEEDED, cause, message)
    seconds = sum(attempt.seconds for attempt in history.attempts) or None
    return Outcome(said.ending, last.exit_code, said.cause, said.message, seconds)


def _begun_at(attempt: Attempt) -> float:
    try:
        return dt.datetime.fromisoformat(attempt.started_at).timestamp()
    except ValueError:
        return 0.0


def _judge(launched: Launched, rundir: RunDir, output_name: str | None, checkpoint: Checkpoint | None) -> _Said:
    is_saved = any(last_words.MODEL_SAVED in line for line in launched.tail)
    wrong = problem_of_file(rundir, checkpoint, launched.began_at, output_name)
    bad_file = None if wrong is None else _Said(Ending.FAILED, *wrong)
    if bad_file is None and (launched.is_rescued or (launched.exit_code == 0 and is_saved)):
        return _trained(launched)
    if launched.interrupted:
        return _interrupted(is_started=launched.first_step_s is not None)
    if launched.stopped_because is not None:
        return _stopped(launched.stopped_because, launched.longest_silence_s)
    if launched.exit_code == 0:
        return _ended_without_error(launched, bad_file, is_saved=is_saved)
    if is_saved and bad_file is None:
        return _Said(Ending.SUCCEEDED, "exit-error", _exit_error(launched.exit_code), _last(launched.tail))
    return _failed(launched)


def _trained(launched: Launched) -> _Said:
    if launched.is_rescued:
        return _Said(Ending.SUCCEEDED, "rescued", _RESCUED, _last(launched.tail))
    return _Said(Ending.SUCCEEDED, "ok", _TRAINED)


def _steps_short(checkpoint: Checkpoint | None, planned: int | None) -> _Said | None:
    """Return what is wrong where the final file is from an earlier step than the planned last one."""
    if checkpoint is None or planned is None or checkpoint.step is None or checkpoint.step >= planned:
        return None
    return _Said(
        Ending.FAILED,
        "steps-short",
        Text(
            f"the final file is from step {checkpoint.step} of {planned}: the trainer ended early and called it done",
            f"最终文件来自第 {checkpoint.step} 步，而计划是 {planned} 步：训练器提前结束却称已完成",
        ),
    )


def _interrupted(*, is_started: bool) -> _Said:
    if not is_started:
        nothing = Text("interrupted before the first step: nothing was trained", "第一步之前就被中断：没有训练任何内容")
        return _Said(Ending.INTERRUPTED, NOTHING_TRAINED, nothing)
    kept = Text(
        "interrupted; what was saved until then is kept, and `lora-run resume` goes on from it",
        "已中断；此前保存的文件都保留，`lora-run resume` 可从那里继续",
    )
    return _Said(Ending.INTERRUPTED, "interrupted", kept)


def _stopped(reason: str, silence_s: float) -> _Said:
    if reason == NO_OUTPUT:
        minutes = max(1, round(silence_s / 60))
        return _Said(
            Ending.STOPPED,
            NO_OUTPUT,
            Text(
                f"stopped: the trainer printed nothing for {minutes} minutes; look at the GPU and the disk, then start again",
                f"已停止：训练器 {minutes} 分钟没有任何输出；请检查 GPU 和磁盘后重新开始",
            ),
        )
    return _Said(
        Ending.STOPPED,
        reason,
        Text(f"stopped by a live rule: {reason}; the report says why", f"被实时规则停止：{reason}；原因见报告"),
    )


def _ended_without_error(launched: Launched, bad_file: _Said | None, *, is_saved: bool) -> _Said:
    """Judge exit code 0 without a good file."""
    if any(last_words.NO_DATA in line for line in launched.tail):
        return _Said(
            Ending.FAILED,
            "no-data",
            Text(
                "the trainer found no pictures and ended as if all were well; check the folders with `lora-run check`",
                "训练器没有找到图片，却像正常一样结束；请用 `lora-run check` 检查目录",
            ),
        )
    if bad_file is not None:
        return bad_file
    if is_saved:  # pragma: no cover - judged a success before
        raise AssertionError
    return _Said(
        Ending.FAILED,
        "no-model",
        Text(
            "the trainer ended without saying `model saved.`; the final file may be from halfway",
            "训练器结束时没有输出 `model saved.`；最终文件可能不完整",
        ),
    )


def _failed(launched: Launched) -> _Said:
    if launched.is_end_asked and _is_ended_from_outside(launched):
        return _interrupted(is_started=launched.first_step_s is not None)
    crash = last_words.innermost(launched.tail)
    text = crash.message if crash else "\n".join(launched.tail[-LAST_LINES:])
    lines = crash.lines[-TRACEBACK_LINES:] if crash else ()
    if last_words.has_gpu_memory_error(text):
        return _Said(Ending.FAILED, "out-of-memory", _GPU_FULL, lines)
    if last_words.has_disk_error(text) or (crash is None and last_words.has_disk_error(launched.log_error)):
        return _Said(Ending.FAILED, "disk-full", _DISK_FULL, lines)
    if last_words.has_host_memory_error(text) or launched.oom_kills > 0:
        return _Said(Ending.FAILED, "out-of-host-memory", _HOST_FULL, lines)
    if crash is not None:
        return _Said(Ending.FAILED, "crash", _crashed(crash.last), lines)
    return _ended_by_force(launched)


def _is_ended_from_outside(launched: Launched) -> bool:
    """Whether a signal ended the trainer: systemd, Slurm and a terminal send theirs to it as well as to this process."""
    crash = last_words.innermost(launched.tail)
    if crash is not None:
        return crash.last.startswith("KeyboardInterrupt")
    name = last_words.killing_signal(launched.tail) or signal_name(launched.exit_code)
    is_ended = name in _ENDING_SIGNALS or launched.exit_code in _ENDING_EXITS
    return is_ended and not launched.oom_kills


def _ended_by_force(launched: Launched) -> _Said:
    """Judge a failure without a traceback."""
    argument = last_words.refused_argument(launched.tail)
    if argument is not None:
        return _Said(
            Ending.FAILED,
            "refused-arguments",
            Text(f"the trainer refused its arguments: {argument}", f"训练器拒绝了参数：{argument}"),
        )
    name = last_words.killing_signal(launched.tail) or signal_name(launched.exit_code)
    if name == "SIGKILL" or launched.exit_code in _KILLED_EXITS:
        return _Said(Ending.FAILED, "killed", _KILLED)
    if name in _ENDING_SIGNALS or launched.exit_code in _ENDING_EXITS:
        named = name or signal_name(_SHELL - (launched.exit_code or 0))
        return _Said(
            Ending.FAILED,
            "crash",
            Text(f"the trainer was ended from outside ({named})", f"训练器被外部信号终止（{named}）"),
        )
    native = f"signal {name}" if name else None
    if launched.exit_code in _WINDOWS_CRASH or any(
        f"exit status {code}" in x for x in launched.tail for code in _WINDOWS_CRASH
    ):
        native = "access violation"
    if native:
        return _Said(
            Ending.FAILED,
            "crash",
            Text(
                f"the trainer crashed in native code ({native}); update the GPU driver, lower "
                "`max_data_loader_n_workers`, or try another optimizer",
                f"训练器在原生代码中崩溃（{native}）；请更新 GPU 驱动、减小 `max_data_loader_n_workers` 或更换优化器",
            ),
        )
    code = launched.exit_code
    return _Said(
        Ending.FAILED,
        "crash",
        Text(
            f"the trainer ended with exit code {code} without saying why", f"训练器以退出码 {code} 结束，没有说明原因"
        ),
    )


def _last(tail: Sequence[str]) -> tuple[str, ...]:
    return tuple(tail[-LAST_LINES:])


def _crashed(last: str) -> Text:
    shown = last if len(last) <= 300 else last[:300] + " ..."
    return Text(f"the trainer crashed: {shown}", f"训练器崩溃：{shown}")


def _exit_error(code: int | None) -> Text:
    return Text(
        f"trained; the final file is whole, but the trainer then ended with exit code {code}",
        f"训练完成，最终文件完好，但训练器随后以退出码 {code} 结束",
    )


_TRAINED = Text("trained; the final file is saved and whole", "训练完成，最终文件已保存且完好")
_GPU_FULL = Text(
    "the GPU ran out of memory; turn on `gradient_checkpointing`, halve `train_batch_size` or `resolution`, "
    "and close other programs that use the GPU",
    "显存不足；请打开 `gradient_checkpointing`，将 `train_batch_size` 或 `resolution` 减半，并关闭其他占用 GPU 的程序",
)
_HOST_FULL = Text(
    "the machine ran out of memory (RAM); lower `max_data_loader_n_workers`, cache latents to disk, close other programs",
    "内存不足；请减小 `max_data_loader_n_workers`、把 latents 缓存到磁盘、关闭其他程序",
)
_DISK_FULL = Text(
    "the disk is full; free some space, save less often, and do not use the file that was being written",
    "磁盘已满；请清理空间、减少保存次数，不要使用写到一半的文件",
)
_RESCUED = Text(
    "trained; the trainer could not write the final file, so it was made from the last saved state, to the same numbers; "
    "look at the room on the disk before the next run",
    "训练完成；训练器未能写入最终文件，已用最后保存的状态生成，数值相同；下次训练前请检查磁盘空间",
)
_KILLED = Text(
    "the trainer was killed from outside; mostly this is the system when memory (RAM) runs out: "
    "lower `max_data_loader_n_workers`, close other programs",
    "训练器被外部强制结束；多数情况是内存不足时系统所为：请减小 `max_data_loader_n_workers`，关闭其他程序",
)


def what_went_wrong(launched: Launched) -> tuple[Text, ...]:
    """Return what this tool itself could not do while the trainer ran. Training is never disturbed by it."""
    notes = []
    if launched.log_error:
        notes.append(
            Text(f"The console log is not whole: {launched.log_error}", f"控制台日志不完整：{launched.log_error}")
        )
    if launched.dropped_lines:
        count = launched.dropped_lines
        notes.append(
            Text(
                f"{count} progress lines came too fast to be shown; the log has them.",
                f"有 {count} 行进度来得太快未能显示，日志中都有。",
            )
        )
    for error in launched.watcher_errors:
        last = error.strip().splitlines()[-1]
        notes.append(Text(f"Watching the run failed, training went on: {last}", f"监视出错，训练继续进行：{last}"))
    return tuple(notes)
