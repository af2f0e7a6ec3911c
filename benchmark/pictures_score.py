"""Look at a labelled folder of pictures and say how right and how fast that was.

usage: python -m benchmark.pictures_score DIR [--out FOUND.json] [--only duplicates] [--workers N] [--cache FOLDER]
DIR holds `labels.json` (a generator's truth: `images` with `file`, `kind`, `issues`; `families` with `source`, `members`) and the pictures it names;
without it only speed is told. `--out` writes {"pairs": [[file, file], ...], "issues": {file: [word, ...]}}, as other tools' findings are written.
Verdicts here apply the limits beside the measures one by one; the rules of the tool weigh more.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.dataset.near import find_near
from orchestrator.dataset.pixels import borders, colour, compression, exposure
from orchestrator.dataset.pixels.cache import Cache
from orchestrator.dataset.pixels.look import look
from orchestrator.dataset.pixels.sharpness import BLURRED_BELOW

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.dataset.near import Group
    from orchestrator.dataset.pixels.model import PixelFacts

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".webp", ".bmp"))
SMALL_SIDE = 320
LONG_ASPECT = 2.6
FAULTS = {
    "corrupt_truncated_jpeg": "truncated-file", "corrupt_truncated_png": "truncated-file", "corrupt_zero": "empty-file",
    "corrupt_html": "not-a-picture", "corrupt_bitflip": "damaged-data",
}  # fmt: skip
TRAPS = {
    "trap_exif_rot": lambda f: f.orientation == 6,
    "trap_cmyk": lambda f: f.mode == "CMYK",
    "trap_rgba": lambda f: f.alpha_share > 0.1 and f.hidden_difference > 8,
    "trap_16bit": lambda f: f.is_deep_grey,
    "trap_animated": lambda f: f.frames == 2,
    "trap_wrong_ext": lambda f: f.format == "png",
}


def words(facts: PixelFacts) -> list[str]:
    """Return what is wrong with one picture, in the generator's words."""
    if facts.problem:
        return ["corrupt"]
    found = []
    if min(facts.width, facts.height) < SMALL_SIDE:
        found.append("low_resolution")
    if max(facts.width, facts.height) > LONG_ASPECT * min(facts.width, facts.height):
        found.append("odd_aspect")
    if facts.p95 is None or facts.p01 is None or facts.clipped_share is None or facts.contrast is None:
        return found
    if facts.contrast < exposure.FLAT_CONTRAST_BELOW and facts.p95 >= exposure.UNDER_P95_BELOW:
        return [*found, "low_information"]
    checks = {
        "underexposed": facts.p95 < exposure.UNDER_P95_BELOW,
        "overexposed": facts.clipped_share > exposure.OVER_CLIPPED_ABOVE and facts.p01 > exposure.OVER_P01_ABOVE,
        "blurry": facts.sharpness is not None and facts.sharpness < BLURRED_BELOW,
        "compression": facts.blockiness is not None and facts.blockiness > compression.BLOCKY_ABOVE,
        "grayscale": facts.chroma is not None and facts.chroma <= colour.GREY_CHROMA_AT_MOST,
        "borders": any(borders.letterbox(facts.bars, facts.bar_level, facts.width, facts.height)),
    }
    return found + [word for word, is_so in checks.items() if is_so]


def pairs_of(groups: Iterable[Group]) -> list[tuple[int, int]]:
    """Return every pair of each group."""
    return [pair for group in groups for pair in combinations(sorted(group.indices), 2)]


def score_pairs(labels: Mapping[str, Any], names: Sequence[str], groups: Sequence[Group]) -> dict[str, Any]:
    """Compare groups with families. Look-alikes that the labels call grey count neither way; nor do two plain colour fields."""
    family = {g["source"]: g["source"] for g in labels["families"]}
    grey, planted = set(), {}
    for one in labels["families"]:
        for member in one["members"]:
            family[member["file"]] = one["source"]
            planted[tuple(sorted((one["source"], member["file"])))] = member["relation"]
            if member["level"] == "grey":
                grey.add(member["file"])
    plain = {image["file"] for image in labels["images"] if image["kind"] == "low_information"}
    said = {tuple(sorted((names[a], names[b]))) for a, b in pairs_of(groups)}
    right, wrong = 0, []
    for one, two in sorted(said):
        if one in family and family[one] == family.get(two):
            right += one not in grey and two not in grey
        elif not {one, two} <= plain:
            wrong.append((one, two))
    hit, total = Counter[str](), Counter[str]()
    for pair, relation in planted.items():
        total[relation] += 1
        hit[relation] += pair in said
    strict = [relation for relation in total if not relation.startswith("grey")]
    found, there = sum(hit[r] for r in strict), sum(total[r] for r in strict)
    return {
        "right": right, "wrong": wrong, "precision": right / (right + len(wrong)) if right or wrong else None,
        "planted": there, "recall": found / there if there else None,
        "by_relation": {r: f"{hit[r]}/{total[r]}" for r in sorted(total)},
    }  # fmt: skip


def score_words(labels: Mapping[str, Any], said: Mapping[str, Sequence[str]]) -> dict[str, dict[str, Any]]:
    """Return precision, recall and false alarms of each word. A label `word_maybe` counts neither way."""
    scores = {}
    for word in sorted({w for ws in said.values() for w in ws} | {"blurry", "overexposed", "underexposed", "corrupt"}):
        truth = {i["file"] for i in labels["images"] if word in i["issues"]}
        maybe = {i["file"] for i in labels["images"] if f"{word}_maybe" in i["issues"]}
        told = {file for file, ws in said.items() if word in ws} - maybe
        kinds = Counter(i["kind"] for i in labels["images"] if i["file"] in told - truth)
        scores[word] = {
            "truth": len(truth), "precision": round(len(told & truth) / len(told), 3) if told else None,
            "recall": round(len(told & truth) / len(truth), 3) if truth else None, "false": dict(kinds),
        }  # fmt: skip
    return scores


def blur_auc(labels: Mapping[str, Any], facts: Mapping[str, PixelFacts]) -> dict[str, Any] | None:
    """Return the area under the curve, and recall where 1 % of the sharp ones are called blurred."""
    blurred: list[float] = []
    sharp: list[float] = []
    for image in labels["images"]:
        one = facts[image["file"]]
        if one.is_measured and image["kind"] != "low_information":
            # Nothing to judge by is not blurred.
            (blurred if "blurry" in image["issues"] else sharp).append(1.0 if one.sharpness is None else one.sharpness)
    if not blurred or not sharp:
        return None
    wins = sum((b < s) + (b == s) / 2 for b in blurred for s in sharp)
    limit = sorted(sharp)[len(sharp) // 100]
    return {
        "auc": round(wins / len(blurred) / len(sharp), 4), "recall_at_1_percent": sum(b < limit for b in blurred) / len(blurred),
        "most_blurred": round(max(blurred), 3), "least_sharp": round(min(sharp), 3), "blurred": len(blurred),
    }  # fmt: skip


def score_faults(labels: Mapping[str, Any], facts: Mapping[str, PixelFacts]) -> dict[str, Any]:
    """Return how many planted file faults were named, and the problems of files that are sound."""
    hit, total = Counter[str](), Counter[str]()
    false = []
    for image in labels["images"]:
        kind, one = image["kind"], facts[image["file"]]
        if kind in FAULTS or kind in TRAPS:
            total[kind] += 1
            hit[kind] += one.problem == FAULTS[kind] if kind in FAULTS else bool(TRAPS[kind](one))
        if one.problem and kind not in FAULTS:
            false.append((image["file"], one.problem))
    return {"named": {kind: f"{hit[kind]}/{total[kind]}" for kind in sorted(total)}, "false": false}


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--only", choices=["duplicates"])
    parser.add_argument("--workers", type=int)
    parser.add_argument("--cache", type=Path)
    asked = parser.parse_args()
    cpu, wall = time.process_time(), time.perf_counter()
    paths = sorted(path for path in asked.dir.rglob("*") if path.suffix.lower() in SUFFIXES)
    cache = Cache(asked.cache) if asked.cache else None
    facts = dict(look(paths, cache=cache, workers=asked.workers, only_fingerprint=asked.only == "duplicates"))
    if cache is not None:
        cache.close()
    looked = time.process_time() - cpu
    groups = find_near(list(facts.values()))
    spent = time.process_time() - cpu
    print(json.dumps({
        "pictures": len(paths), "look_cpu_s": round(looked, 2), "near_cpu_s": round(spent - looked, 2),
        "wall_s": round(time.perf_counter() - wall, 2), "per_cpu_s": round(len(paths) / spent, 1),
        "rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "groups": len(groups),
    }))  # fmt: skip
    said = {str(path): words(one) for path, one in facts.items()}
    if asked.out:
        pairs = [[str(paths[a].resolve()), str(paths[b].resolve())] for a, b in pairs_of(groups)]
        issues = {str(Path(name).resolve()): found for name, found in said.items()}
        asked.out.write_text(json.dumps({"peer": "ours", "pairs": pairs, "issues": issues}), encoding="utf-8")
    if (asked.dir / "labels.json").is_file():
        labels = json.loads((asked.dir / "labels.json").read_text(encoding="utf-8"))
        names = [path.relative_to(asked.dir).as_posix() for path in paths]
        by_name = dict(zip(names, facts.values(), strict=True))
        print("duplicates", json.dumps(score_pairs(labels, names, groups)))
        if asked.only is None:
            print("blur", json.dumps(blur_auc(labels, by_name)))
            for word, score in score_words(labels, dict(zip(names, said.values(), strict=True))).items():
                print(f"{word:16}", json.dumps(score))
            print("files", json.dumps(score_faults(labels, by_name)))


if __name__ == "__main__":
    main()
