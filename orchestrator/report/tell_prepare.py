"""What `lora-run dataset prepare` says: what became of each picture and why, the shapes, the arithmetic of the repeats."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from orchestrator.core.errors import EXIT_FINDINGS, EXIT_OK
from orchestrator.core.text import Text, plural
from orchestrator.dataset.prepare.captions import UNUSABLE
from orchestrator.dataset.prepare.manifest import MANIFEST, manifest
from orchestrator.dataset.prepare.usable import PROBLEMS
from orchestrator.dataset.prepare.write import need_bytes
from orchestrator.report import terminal
from orchestrator.report.json_text import print_json
from orchestrator.report.tell_dataset import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.core.text import Language
    from orchestrator.dataset.prepare.model import Decision, Draft, Exposure, Prepared

MOST_SHOWN = 20
"""Pictures that are shown of each decision; the counts say the rest, and the manifest has all."""
DECISIONS: dict[Decision, Text] = {
    "left-out": Text("left out", "未带入"),
    "rewritten": Text("rewritten as PNG", "重写为 PNG"),
    "copied": Text("copied byte for byte", "原样复制"),
}
ROUTINE: dict[str, Text] = {
    "cropped": Text("cut to their shape", "裁成相应形状"),
    "padded": Text("given a border, which is learned like anything else", "加了边框，边框同样会被学进去"),
    "tiles": Text("cut into tiles", "切成小块"),
    "not-enlarged": Text(
        "smaller than their shape and not enlarged: the trainer does it", "小于相应形状，未放大；训练器会放大"
    ),
}
"""What a whole set may be told at once: counted, and named only where there is more to say of a picture."""
NEEDS_YOU = frozenset((*PROBLEMS, *UNUSABLE, "no-other-half", "much-cut", "face-cut", "no-change", "halves-apart"))
"""Codes of what only the user can mend: they make the exit code 1."""


def prepared(result: Prepared, *, dry_run: bool, form: str, language: Language) -> int:
    """Tell what was done, or would be. Returns 1 where there is something that the user should look at, else 0."""
    needs_you = any(reason.code in NEEDS_YOU for draft in result.drafts for reason in draft.reasons)
    code = EXIT_FINDINGS if needs_you or result.not_taken else EXIT_OK
    if form == "json":
        told = manifest(result, language)
        told["notes"] += [] if result.trouble is None else [result.trouble.to(language)]
        print_json({
            "exit_code": code,
            "is_written": not dry_run,
            "folder": result.folder,
            "need_bytes": need_bytes(result.drafts),
            **told,
        })  # fmt: skip
        return code
    console = terminal.make_console()
    for line in (*_pictures(result, language), *(text.to(language) for text in _whole(result, dry_run=dry_run))):
        terminal.show_line(line, console)
    return code


def _pictures(result: Prepared, language: Language) -> Iterator[str]:
    """Return a line for each picture of which there is something of its own to say, then the counts."""
    counts = Counter(draft.decision for draft in result.drafts)
    for decision, word in DECISIONS.items():
        told = [draft for draft in result.drafts if draft.decision == decision and not _is_routine(draft)]
        for draft in told[:MOST_SHOWN]:
            yield f"{shown(result.root, draft.path)}: {word.to(language)}: {_why(draft, language)}"
        more = len(told) - MOST_SHOWN
        if more > 0:
            yield Text(
                f"... and {more} more {word.en}: see {MANIFEST}", f"……另有 {more} 张{word.zh}：见 {MANIFEST}"
            ).to(language)
    for path in result.not_taken[:MOST_SHOWN]:
        yield Text(
            f"{shown(result.root, path)}: not taken: the trainer does not take `{path.suffix}`; save it as PNG",
            f"{shown(result.root, path)}：未带入：训练器不接受 `{path.suffix}`，请另存为 PNG",
        ).to(language)
    for decision, word in DECISIONS.items():
        yield f"{counts[decision]:6} {word.to(language)}"
    codes = Counter(reason.code for draft in result.drafts for reason in draft.reasons)
    for code, word in ROUTINE.items():
        if codes[code]:
            yield f"{codes[code]:6} {word.to(language)}"


def _is_routine(draft: Draft) -> bool:
    return all(reason.code in ROUTINE for reason in draft.reasons)


def _why(draft: Draft, language: Language) -> str:
    return Text("; ", "；").to(language).join(reason.text.to(language) for reason in draft.reasons)


def _whole(result: Prepared, *, dry_run: bool) -> Iterator[Text]:
    for bucket in result.buckets:
        width, height = bucket.size
        yield Text(
            f"shape {width}x{height}: {plural(bucket.pictures, 'picture', 'pictures')}",
            f"形状 {width}x{height}：{bucket.pictures} 张",
        )
    if result.buckets:
        share = f"{100 * result.lost_share:.1f} %"
        is_pad = result.options.fit == "pad"
        yield Text(
            f"{'border added' if is_pad else 'cut away'} on average: {share} of a picture",
            f"平均{'加边框' if is_pad else '裁掉'}：每张 {share}",
        )
    yield from map(_exposures, result.exposures)
    yield from result.notes
    if result.trouble is not None:
        yield result.trouble
    files = sum(len(draft.files) for draft in result.drafts)
    number = plural(files, "picture", "pictures")
    if dry_run:
        most = f"{need_bytes(result.drafts) / 2**20:.1f} MiB"
        yield Text(
            f"would write {number} to {result.folder}, {most} at most; nothing was written",
            f"将向 {result.folder} 写入 {files} 张图片，最多 {most}；尚未写入任何内容",
        )
        return
    yield Text(
        f"{number} in {result.folder}; every decision stands in {MANIFEST}",
        f"{result.folder} 中有 {files} 张图片；每项决定见 {MANIFEST}",
    )


def _exposures(row: Exposure) -> Text:
    return Text(
        f"{row.shot}: {plural(row.pictures, 'picture', 'pictures')} x {row.repeats} = {row.exposures} exposures ({row.folder})",
        f"{row.shot}：{row.pictures} 张 x {row.repeats} = {row.exposures} 次（{row.folder}）",
    )
