"""Let `lora-run dataset check` judge labelled folders and score what it says, rule by rule.

usage: python -m benchmark.dataset_score DIR... [--markdown] [--apart]
Each DIR holds `labels.json` (a generator's truth: `images` with `file`, `kind`, `issues`, `caption_issues`; `families`) and the pictures it names. A picture is told
rightly where the rule for its planted fault names it; it is told falsely where nothing that the rule is about was planted in it.
With `--apart` the copies and every second of the other pictures are put into a folder `val` beside the rest, in copies: does `overlapping-folders`
name the copies, and none of the others?
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections import Counter, defaultdict
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.dataset_check import look_into
from orchestrator.report.tell_dataset import EXACT, NEAR, groups_record, images_record

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PLANTED: Mapping[str, str] = {
    "blurry": "blurry-image", "overexposed": "overexposed-image", "underexposed": "underexposed-image", "low_resolution": "image-too-small",
    "odd_aspect": "extreme-aspect-ratio", "text_overlay": "text-overlay", "borders": "bordered-image", "corrupt": "unreadable-image",
}  # fmt: skip
TRAPS: Mapping[str, str] = {
    "trap_exif_rot": "exif-rotation", "trap_rgba": "hidden-alpha", "trap_16bit": "sixteen-bit-image", "trap_animated": "animated-image",
    "trap_same_stem": "shared-stem",
}  # fmt: skip
CAPTIONS: Mapping[str, str] = {
    "missing_caption": "missing-caption", "empty_caption": "empty-caption", "missing_trigger": "missing-trigger", "trigger_typo": "missing-trigger",
    "gbk_encoding": "caption-not-utf8", "bom": "caption-bom", "fullwidth_comma": "fullwidth-comma", "crlf_multiline": "caption-multiline",
    "duplicate_tag": "duplicate-tag", "contradiction": "contradicting-tags", "trigger_not_first": "trigger-not-first",
    "underscore_style": "mixed-spelling", "variant_spelling": "mixed-spelling", "too_long": "caption-too-long", "trailing_junk": "caption-junk",
    "stray_paren": "caption-junk",
}  # fmt: skip
OVERLAP = "overlapping-folders"
UNREAD = frozenset(
    ("corrupt_zero", "corrupt_html", "corrupt_truncated_jpeg", "corrupt_truncated_png", "corrupt_bitflip")
)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dirs", type=Path, nargs="+")
    parser.add_argument("--markdown", action="store_true")
    parser.add_argument("--apart", action="store_true")
    asked = parser.parse_args()
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    for folder in asked.dirs:
        labels = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
        seen = look_into(folder)
        said = {one["path"]: set(one["findings"]) for one in images_record(folder, seen.dataset, seen.verdict)}
        for rule, counts in score(labels, said).items():
            totals[rule] += counts
        groups = groups_record(folder, seen.dataset)
        totals[NEAR] += score_groups(labels, groups)
        totals[EXACT] += score_equal(labels, groups)
        if asked.apart:
            totals[OVERLAP] += score_apart(folder, labels)
    for rule, counts in sorted(totals.items()):
        print(row(rule, counts, is_markdown=asked.markdown))


def score(labels: Mapping[str, Any], said: Mapping[str, set[str]]) -> dict[str, Counter[str]]:
    """Return for each rule how many planted faults there are, how many it names, and how many pictures it names falsely."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for image in labels["images"]:
        wanted, maybe = wanted_rules(image), {PLANTED[w[:-6]] for w in image["issues"] if w.endswith("_maybe")}
        told = said.get(image["file"], set())
        for rule in wanted:
            counts[rule]["planted"] += 1
            counts[rule]["named"] += rule in told
            if rule not in told:
                counts[rule][f"missed {image['kind']} {','.join(image['caption_issues'])}".strip()] += 1
        for rule in (told & {*PLANTED.values(), *TRAPS.values(), *CAPTIONS.values()}) - wanted - maybe:
            counts[rule]["false"] += 1
            counts[rule][f"false {image['kind']} {','.join(image['caption_issues'])}".strip()] += 1
    return counts


def wanted_rules(image: Mapping[str, Any]) -> set[str]:
    """Return the rules that a picture's planted faults are about. What cannot be read is not judged further."""
    found = {CAPTIONS[fault] for fault in image["caption_issues"] if fault in CAPTIONS}
    if image["kind"] in UNREAD:
        return found | {"unreadable-image"}
    found |= {PLANTED[word] for word in image["issues"] if word in PLANTED}
    return found | ({TRAPS[image["kind"]]} if image["kind"] in TRAPS else set())


def score_groups(labels: Mapping[str, Any], groups: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Count pairs. Look-alikes that the labels call grey count neither way; nor do two plain colour fields."""
    family = {one["source"]: one["source"] for one in labels["families"]}
    grey, planted = set(), {}
    for one in labels["families"]:
        for member in one["members"]:
            family[member["file"]] = one["source"]
            planted[frozenset((one["source"], member["file"]))] = member["relation"]
            if member["level"] == "grey":
                grey.add(member["file"])
    plain = {image["file"] for image in labels["images"] if image["kind"] == "low_information"}
    said = {frozenset(pair) for group in groups for pair in combinations(group["paths"], 2)}
    counts: Counter[str] = Counter()
    for pair, relation in planted.items():
        if not relation.startswith("grey"):
            counts["planted"] += 1
            counts["named"] += pair in said
            if pair not in said:
                counts[f"missed {relation}"] += 1
    for pair in said:
        first, second = sorted(pair)
        if not (first in family and family[first] == family.get(second)) and not pair <= plain:
            counts["false"] += 1
    return counts


def score_equal(labels: Mapping[str, Any], groups: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Count pairs of files with the same bytes: those the labels call exact, and what they say of others that are told so."""
    equal = [
        frozenset((one["source"], member["file"]))
        for one in labels["families"]
        for member in one["members"]
        if member["level"] == "exact"
    ]
    said = {frozenset(pair) for group in groups if group["kind"] == EXACT for pair in combinations(group["paths"], 2)}
    counts: Counter[str] = Counter(planted=len(equal), named=sum(pair in said for pair in equal))
    counts["false"] = len(said - set(equal))
    return counts


def score_apart(folder: Path, labels: Mapping[str, Any]) -> Counter[str]:
    """Count the copies that are told when they are held out and what they are copies of is trained on."""
    is_grey = {member["file"]: member["level"] == "grey" for one in labels["families"] for member in one["members"]}
    sources = {one["source"] for one in labels["families"]}
    counts: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as root:
        held = {}
        for place, image in enumerate(one for one in labels["images"] if one["kind"] not in UNREAD):
            file = folder / image["file"]
            is_held = image["file"] in is_grey or (place % 2 == 1 and image["file"] not in sources)
            aim = Path(root) / ("val" if is_held else "train")
            aim.mkdir(exist_ok=True)
            shutil.copy(file, aim)
            if is_held:
                held[f"val/{file.name}"] = is_grey.get(image["file"])
        seen = look_into(Path(root), keep=False)
        said = {
            one["path"]: OVERLAP in one["findings"] for one in images_record(Path(root), seen.dataset, seen.verdict)
        }
    for path, grey in held.items():
        counts["planted"] += grey is False
        counts["named"] += grey is False and said.get(path, False)
        counts["false"] += grey is None and said.get(path, False)
    return counts


def row(rule: str, counts: Counter[str], *, is_markdown: bool) -> str:
    """Return the line of a rule."""
    named, planted, false = counts["named"], counts["planted"], counts["false"]
    precision = f"{named / (named + false):.3f}" if named + false else "-"
    recall = f"{named / planted:.3f}" if planted else "-"
    if is_markdown:
        return f"| `{rule}` | {named} of {planted} | {false} | {precision} | {recall} |"
    rest = {word: n for word, n in counts.items() if word.startswith(("missed", "false "))}
    return f"{rule:24} {named:4} of {planted:4}, {false:3} falsely  P {precision} R {recall}  {dict(rest) or ''}"


if __name__ == "__main__":
    main()
