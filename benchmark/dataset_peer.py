"""Run one peer of `lora-run dataset check` on a folder, in an interpreter that has it; prints JSON. Nothing of ours is imported.

usage: python dataset_peer.py imagehash-phash|imagehash-dhash|imagededup-phash|cleanvision|czkawka FOLDER
Prints `pairs` (paths that are called the same picture) and `issues` (path: the peer's words). Limits are the peer's defaults; imagehash has
none, so 8 of 64 bits, which most tutorials take.
"""

from __future__ import annotations

import importlib
import json
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif"}
HASH_BITS = 8
CZKAWKA_BITS = 10
"""Of 256: `czkawka_cli` calls it high similarity, its graphical interface starts there."""


def main() -> None:
    """Run the command."""
    peer, folder = sys.argv[1], Path(sys.argv[2])
    pairs, issues = PEERS[peer](folder)
    json.dump({"pairs": [[str(a), str(b)] for a, b in pairs], "issues": issues}, sys.stdout)


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)


def _imagehash(kind: str) -> Any:
    def run(folder: Path) -> Any:
        found = {path: _hashed(path, kind) for path in _files(folder)}
        unread = {str(path): ["corrupt"] for path, one in found.items() if one is None}
        known = [(path, one) for path, one in found.items() if one is not None]
        return [(a, b) for (a, one), (b, two) in combinations(known, 2) if one - two <= HASH_BITS], unread

    return run


def _hashed(path: Path, kind: str) -> Any:
    """Return the hash of a picture; None where it cannot be read, whatever is raised."""
    try:
        with importlib.import_module("PIL.Image").open(path) as opened:
            return getattr(importlib.import_module("imagehash"), kind)(opened)
    except Exception:  # noqa: BLE001
        return None


def _imagededup(folder: Path) -> Any:
    method = importlib.import_module("imagededup.methods").PHash(verbose=False)
    codes = method.encode_images(image_dir=str(folder), recursive=True)
    found = method.find_duplicates(encoding_map=codes)
    return sorted(
        {tuple(sorted((str(folder / a), str(folder / b)))) for a, others in found.items() for b in others}
    ), {}


def _cleanvision(folder: Path) -> Any:
    readable = [str(path) for path in _files(folder) if _hashed(path, "dhash") is not None]  # it dies of the others
    lab = importlib.import_module("cleanvision").Imagelab(filepaths=readable, verbose=False)
    lab.find_issues(verbose=False)
    issues: dict[str, list[str]] = {}
    for column in lab.issues.columns:
        if column.startswith("is_") and column.endswith("_issue"):
            for path in lab.issues.index[lab.issues[column]]:
                issues.setdefault(path, []).append(column[3:-6])
    sets = [one for kind in ("exact_duplicates", "near_duplicates") for one in lab.info[kind]["sets"]]
    return [pair for one in sets for pair in combinations(sorted(one), 2)], issues


def _czkawka(folder: Path) -> Any:
    finder = importlib.import_module("czkawka").ImageSimilarity()
    finder.set_directories([str(folder)])
    finder.set_similarity(CZKAWKA_BITS)
    return [pair for one in finder.find_similar() for pair in combinations(sorted(map(str, one)), 2)], {}


PEERS = {
    "imagehash-phash": _imagehash("phash"),
    "imagehash-dhash": _imagehash("dhash"),
    "imagededup-phash": _imagededup,
    "cleanvision": _cleanvision,
    "czkawka": _czkawka,
}

if __name__ == "__main__":
    main()
