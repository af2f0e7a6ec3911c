"""Score the peers of `lora-run dataset check` on the same labelled folders, beside it: what is the same picture, what is blurred, dark, bright.

usage: python -m benchmark.dataset_peers DIR... --python PEERS_PYTHON
PEERS_PYTHON: an interpreter with imagehash, imagededup, cleanvision and the czkawka binding; a peer that is not there is told and left out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.dataset_score import score, score_groups
from orchestrator.dataset_check import look_into
from orchestrator.report.tell_dataset import NEAR, groups_record, images_record

if TYPE_CHECKING:
    from collections.abc import Mapping

PEERS = ("imagehash-phash", "imagehash-dhash", "imagededup-phash", "cleanvision", "czkawka")
RULES: Mapping[str, str] = {
    "blurry": "blurry-image", "dark": "underexposed-image", "light": "overexposed-image", "odd_aspect_ratio": "extreme-aspect-ratio",
    "corrupt": "unreadable-image",
}  # fmt: skip
"""A peer's word for what is a rule of ours."""
SHOWN = (NEAR, "blurry-image", "underexposed-image", "overexposed-image", "extreme-aspect-ratio", "unreadable-image")


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dirs", type=Path, nargs="+")
    parser.add_argument("--python", required=True)
    asked = parser.parse_args()
    totals: dict[str, dict[str, Counter[str]]] = {}
    for name in ("dataset check", *PEERS):
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        began = time.perf_counter()
        try:
            for folder in asked.dirs:
                labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
                said, groups = _ours(folder) if name == "dataset check" else _peer(asked.python, name, folder)
                for rule, one in score(labels, said).items():
                    counts[rule] += one
                counts[NEAR] += score_groups(labels, groups)
        except subprocess.CalledProcessError as error:
            print(f"{name} cannot run: {error.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
            continue
        totals[name] = counts
        print(f"{name}: {time.perf_counter() - began:.1f} s", file=sys.stderr)
    print("\n".join(table(totals)))


def table(totals: Mapping[str, Mapping[str, Counter[str]]]) -> list[str]:
    """Return precision and recall of each, `-` where one has no such check. No row for a rule that nothing was planted for."""
    lines = ["| | " + " | ".join(totals) + " |", "|---" * (len(totals) + 1) + "|"]
    for rule in SHOWN:
        cells = [_cell(counts.get(rule, Counter())) for counts in totals.values()]
        lines.append(f"| `{rule}` | " + " | ".join(cells) + " |")
    return lines


def _cell(counts: Counter[str]) -> str:
    if not counts["named"] and not counts["false"]:
        return "-"
    precision = counts["named"] / (counts["named"] + counts["false"])
    return f"P {precision:.3f}, R {counts['named'] / counts['planted'] if counts['planted'] else 0:.3f}"


Said = tuple[dict[str, set[str]], list[dict[str, Any]]]


def _ours(folder: Path) -> Said:
    seen = look_into(folder, keep=False)
    said = {one["path"]: set(one["findings"]) for one in images_record(folder, seen.dataset, seen.verdict)}
    return said, groups_record(folder, seen.dataset)


def _peer(python: str, name: str, folder: Path) -> Said:
    argv = [python, str(Path(__file__).with_name("dataset_peer.py")), name, str(folder.resolve())]
    done = subprocess.run(argv, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout[done.stdout.index('{"pairs"') :])
    root = folder.resolve()
    said = {
        Path(path).resolve().relative_to(root).as_posix(): {RULES[word] for word in words if word in RULES}
        for path, words in found["issues"].items()
    }
    pairs = [[Path(path).resolve().relative_to(root).as_posix() for path in pair] for pair in found["pairs"]]
    return said, [{"kind": NEAR, "paths": pair} for pair in pairs]


if __name__ == "__main__":
    main()
