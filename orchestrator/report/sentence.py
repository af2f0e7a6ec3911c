"""What became of a run, said so that a beginner understands it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.core.finding import Confidence, State
from orchestrator.core.text import Text
from orchestrator.diagnose.state import primary_state
from orchestrator.diagnose.window import checkpoint_window
from orchestrator.run.model import nothing_trained

if TYPE_CHECKING:
    from orchestrator.core.finding import Finding
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
        "This LoRA learned what these settings can teach: more steps of the same would add nothing.",
        "这个 LoRA 已学到当前设置能教的全部：同样的步数再多也无益。",
    ),
    State.LEARNING: Text(
        "This LoRA learned: it is better than the base model, and by more than chance.",
        "这个 LoRA 学到了东西：它优于底模，且超出偶然。",
    ),
    State.INCONCLUSIVE: Text(
        "From what was recorded nobody can tell whether this LoRA is good.", "根据现有记录，无法判断这个 LoRA 好不好。"
    ),
}
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
    return Became(LOOKS[found.state], NAMES[found.state], SENTENCES[found.state], sureness, found.because)


def end_lines(data: ReportData) -> tuple[Text, ...]:
    """Return what the end of a run says of it in a terminal: what became of it, and which files to use."""
    state = became(data)
    sure = state.sureness or Text("", "")
    lines = [Text(f"{state.sentence.en} {sure.en}".rstrip(), f"{state.sentence.zh}{sure.zh}")]
    window = checkpoint_window(data.case, data.verdict)
    if window is not None and window.candidates:
        names = ", ".join(candidate.path.rsplit("/", 1)[-1] for candidate in window.candidates)
        lines.append(Text(f"try these files: {names}", f"可试用这些文件：{names}"))
    elif window is not None:
        lines.append(window.because)
    return tuple(lines)
