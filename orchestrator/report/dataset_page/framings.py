"""The sheet by framing: how much of the person each picture shows, as far as anybody says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

from orchestrator.core.text import Text, same
from orchestrator.diagnose.framed import framed
from orchestrator.report.dataset_page.gallery import fair
from orchestrator.report.dataset_page.model import Group, Sheet, Shot

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.dataset.pixels.framing import Framing
    from orchestrator.diagnose.rule import Case
    from orchestrator.report.dataset_page.gallery import Gallery

Kind = Literal["head", "upper-body", "full-body", "no-person", "unsaid"]
KINDS: Final[dict[Kind, Text]] = {
    "head": Text("head", "头部"),
    "upper-body": Text("upper body", "上半身"),
    "full-body": Text("full body", "全身"),
    "no-person": Text("nobody in it", "没有人物"),
    "unsaid": Text("nothing says", "没有说明"),
}
MOST: Final = 800
NOTE: Final = Text(
    "From the words of the captions; of a person's photographs also from faces, where somebody looked for them. "
    "A set for a character or person wants all three: one framing only is all that the LoRA will draw.",
    "依据标注中的词；人物照片若检测过人脸，也依据人脸。角色或人物的图集三种都需要：只有一种取景时，LoRA 也只会画那一种。",
)


def framing_of(case: Case) -> dict[Path, Kind]:
    """Return how much of the person each of the subject's pictures shows."""
    return {one.path: _kind(one.framing) for one in framed(case)}


def _kind(said: Framing) -> Kind:
    if not said.confidence:
        return "unsaid"
    return "no-person" if said.kind == "none" else said.kind


def framing_sheet(case: Case, gallery: Gallery) -> Sheet:
    """Return the subject's pictures by framing, from near to far."""
    found: dict[Kind, list[Path]] = {kind: [] for kind in KINDS}
    for path, kind in framing_of(case).items():
        found[kind].append(path)
    known = {kind: paths for kind, paths in found.items() if paths}
    sizes = [len(paths) for paths in known.values()]
    groups = []
    for (kind, paths), most in zip(known.items(), fair(sizes, MOST), strict=True):
        shots = tuple(Shot(path) for path in gallery.take(paths, most))
        share = same(f"{100 * len(paths) / sum(sizes):.0f} %")
        groups.append(Group(KINDS[kind], share, shots, len(paths) - len(shots)))
    return Sheet(tuple(groups), NOTE)
