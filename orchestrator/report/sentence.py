"""What became of a run, said so that a beginner understands it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, Severity, State
from orchestrator.core.text import Text, plural
from orchestrator.diagnose.course import SAMPLE, course
from orchestrator.diagnose.state import primary_state
from orchestrator.diagnose.window import checkpoint_window
from orchestrator.run.records.model import Ending, nothing_trained

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.core.finding import Finding
    from orchestrator.core.observation import Checkpoint
    from orchestrator.diagnose.rule import Case
    from orchestrator.diagnose.window import Window
    from orchestrator.report.model import ReportData

SENTENCES: dict[State, Text] = {
    State.BROKEN: Text("This LoRA is broken: do not use it.", "这个 LoRA 已损坏：请不要使用。"),
    State.UNSTABLE: Text(
        "Training learned and destroyed by turns: what the last file is worth is a matter of luck.",
        "训练时好时坏：最后的文件好坏全凭运气。",
    ),
    State.NOT_LEARNING: Text("This LoRA learned next to nothing.", "这个 LoRA 几乎什么都没学到。"),
    State.OVERFIT: Text(
        "This LoRA went on to learn its pictures by heart: an earlier file is the better one.",
        "这个 LoRA 后来开始死记图片：较早的文件更好。",
    ),
    State.UNDERTRAINED: Text(
        "This LoRA was still getting better when training stopped: give it more steps.",
        "训练停止时这个 LoRA 还在变好：请增加步数。",
    ),
    State.CONVERGED: Text(
        "This LoRA got better than its base model and came to rest: more steps of the same would add nothing.",
        "这个 LoRA 已优于底模并趋于平稳：同样的步数再多也无益。",
    ),
    State.LEARNING: Text(
        "This LoRA learned: it is better than the base model, and by more than chance.",
        "这个 LoRA 学到了东西：它优于底模，且超出偶然。",
    ),
    State.INCONCLUSIVE: Text(
        "From what was recorded nobody can tell whether this LoRA is good.", "根据现有记录，无法判断这个 LoRA 好不好。"
    ),
}
TRAINED: dict[State, Text] = {
    State.UNSTABLE: Text("The training itself had learned and destroyed by turns.", "就训练本身而言，它时好时坏。"),
    State.NOT_LEARNING: Text("The training itself had learned next to nothing.", "就训练本身而言，几乎什么都没学到。"),
    State.OVERFIT: Text(
        "The training itself had gone on to learn its pictures by heart.", "就训练本身而言，后来开始死记图片。"
    ),
    State.UNDERTRAINED: Text("The training itself was still getting better.", "就训练本身而言，它还在变好。"),
    State.CONVERGED: Text(
        "The training itself had got better than the base model and come to rest.",
        "就训练本身而言，它已优于底模并趋于平稳。",
    ),
    State.LEARNING: Text(
        "The training itself had learned: it got better than the base model, by more than chance.",
        "就训练本身而言，它学到了东西：优于底模，且超出偶然。",
    ),
    State.INCONCLUSIVE: Text(
        "What it had learned nobody can tell from what was recorded.", "根据现有记录，无法判断它学到了什么。"
    ),
}
"""What was measured of a run whose file a fault has taken, or may have: said after the fault."""
NO_BETTER_FILE = Text(
    "This LoRA went on to learn its pictures by heart; no earlier file is known to be better.",
    "这个 LoRA 后来开始死记图片；没有已知更好的更早文件。",
)
PERHAPS_OVERFIT = Text(
    "This LoRA perhaps went on to learn its pictures by heart: the trainer's own held-out loss rose again, and has no base to compare with.",
    "这个 LoRA 后来可能开始死记图片：训练器自带的留出集损失又升高了，但没有底模可比。",
)
OWN_PICTURES = Text(
    " That was measured on its own pictures alone: learning them by heart looks the same.",
    "这只在训练图片上测得：死记图片看起来也一样。",
)
NOTHING_TRAINED = Text("Nothing was trained.", "没有训练任何内容。")
SURENESS: dict[Confidence, Text] = {
    Confidence.HIGH: Text("This is certain as far as measuring goes.", "就测量而言，这是确定的。"),
    Confidence.MEDIUM: Text("This is likely, not certain: check it by eye.", "这很可能成立，但不确定：请目测核实。"),
    Confidence.LOW: Text("This is a hint, no more: judge by eye.", "这只是线索：请以目测为准。"),
}
NAMES: dict[State, Text] = {
    State.BROKEN: Text("broken", "已损坏"),
    State.UNSTABLE: Text("unstable", "不稳定"),
    State.NOT_LEARNING: Text("not learning", "没有学到"),
    State.OVERFIT: Text("overfit", "过拟合"),
    State.UNDERTRAINED: Text("undertrained", "训练不足"),
    State.CONVERGED: Text("converged", "已收敛"),
    State.LEARNING: Text("learning", "有效学习"),
    State.INCONCLUSIVE: Text("inconclusive", "无法判断"),
}
LOOKS: dict[State, str] = {
    State.BROKEN: "stop",
    State.UNSTABLE: "fix",
    State.NOT_LEARNING: "fix",
    State.OVERFIT: "watch",
    State.UNDERTRAINED: "watch",
    State.CONVERGED: "clear",
    State.LEARNING: "clear",
    State.INCONCLUSIVE: "unjudged",
}


@dataclass(frozen=True, slots=True)
class Became:
    """What became of a run, in words."""

    look: str
    name: Text
    sentence: Text
    sureness: Text | None
    """None where nothing is claimed."""
    because: Finding | None


def became(data: ReportData) -> Became:
    """Return the state of a run as a sentence, how sure it is, and the finding it rests on."""
    if nothing_trained(data.outcome):
        return Became("unjudged", NAMES[State.INCONCLUSIVE], NOTHING_TRAINED, None, None)
    found = primary_state(data.verdict)
    sureness = None if found.state is State.INCONCLUSIVE else SURENESS[found.confidence]
    fault = _fault(data) if found.state is not State.BROKEN else None
    if fault is not None:
        name, after = NAMES[found.state], TRAINED[found.state]
        return Became(
            LOOKS[State.BROKEN],
            Text(f"failed ({name.en})", f"失败（{name.zh}）"),
            Text(f"First: {fault.en} {after.en}", f"首先：{fault.zh}{after.zh}"),
            sureness,
            found.because,
        )
    window = checkpoint_window(data.case, data.verdict)
    files = data.case.observations.checkpoints if data.case.observations is not None else ()
    if found.state is State.OVERFIT and found.confidence is Confidence.LOW:
        name, sentence = Text("perhaps overfit", "可能过拟合"), PERHAPS_OVERFIT
    else:
        told, behind = _sentence(found.state, window, files), _measured_on(data.case, found.state)
        name, sentence = NAMES[found.state], Text(f"{told.en}{behind.en}", f"{told.zh}{behind.zh}")
    return Became(LOOKS[found.state], name, sentence, sureness, found.because)


def _measured_on(case: Case, state: State) -> Text:
    """Return what a gain lacks that was measured on its own or a few held-out pictures; empty where it lacks nothing, or none is claimed."""
    is_gain = state in {State.UNDERTRAINED, State.CONVERGED, State.LEARNING}
    seen = course(case) if is_gain else None
    if seen is None:
        return Text("", "")
    if seen.held_out is None:
        return OWN_PICTURES
    if state is State.UNDERTRAINED or len(seen.held_out.pictures) >= SAMPLE:
        return Text("", "")
    count = len(seen.held_out.pictures)
    return Text(
        f" That was measured on {plural(count, 'held-out picture', 'held-out pictures')}, too few to speak for others.",
        f"这只在 {count} 张留出图片上测得，不足以代表其他图片。",
    )


def _sentence(state: State, window: Window | None, files: Sequence[Checkpoint]) -> Text:
    """Return what became of a run, in agreement with the files that are named."""
    names = _names(window)
    if state is State.BROKEN and names:
        return Text(
            f"This LoRA is broken: do not use its last file. Saved before it broke, and found whole: {names}.",
            f"这个 LoRA 已损坏：请不要使用最后的文件。损坏之前保存且完好的有：{names}。",
        )
    if state is State.NOT_LEARNING and names:
        return Text(
            f"This LoRA learned next to nothing in the end; better than the base model before that: {names}.",
            f"这个 LoRA 最终几乎什么都没学到；此前优于底模的有：{names}。",
        )
    if state is State.OVERFIT and not _is_any_earlier(window, files):
        return NO_BETTER_FILE
    return SENTENCES[state]


def _is_any_earlier(window: Window | None, files: Sequence[Checkpoint]) -> bool:
    last = max((file.step or 0 for file in files), default=0)
    return window is not None and any(one.step < last for one in window.candidates)


def _names(window: Window | None) -> str:
    return ", ".join(one.path.rsplit("/", 1)[-1] for one in window.candidates) if window is not None else ""


def _fault(data: ReportData) -> Text | None:
    """Return what has to be mended before anything that was learned is of use; None where nothing stands in the way."""
    stop = next((f for f in data.verdict.fired if f.severity is Severity.STOP), None)
    if stop is not None:
        advice = stop.fix.advice if stop.fix is not None else Text("", "")
        return Text(f"{stop.message.en} {advice.en}".rstrip(), f"{stop.message.zh}{advice.zh}")
    if data.outcome is None or data.outcome.ending is not Ending.FAILED:
        return None
    told = data.outcome.message
    return Text(f"{told.en.rstrip('.')}.", f"{told.zh.rstrip('。')}。")


def end_lines(data: ReportData) -> tuple[Text, ...]:
    """Return what the end of a run says of it in a terminal: what became of it, and which files to use."""
    state = became(data)
    sure = state.sureness or Text("", "")
    lines = [Text(f"{state.sentence.en} {sure.en}".rstrip(), f"{state.sentence.zh}{sure.zh}")]
    window = checkpoint_window(data.case, data.verdict)
    if window is not None and window.candidates:
        lines.append(Text(f"try these files: {_names(window)}", f"可试用这些文件：{_names(window)}"))
    elif window is not None:
        lines.append(window.because)
    return tuple(lines)
