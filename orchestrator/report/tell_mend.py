"""What `lora-run dataset caption` and `dataset frames` say: what was written, what was passed by and why."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from orchestrator.core.errors import EXIT_FINDINGS, EXIT_OK
from orchestrator.core.text import Text, plural
from orchestrator.report import terminal
from orchestrator.report.json_text import print_json
from orchestrator.report.tell_dataset import shown

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.core.text import Language
    from orchestrator.dataset.caption_models.result import CaptionResult
    from orchestrator.dataset.frames import FramesResult

MOST_SHOWN = 20
"""Captions that are shown; the counts say the rest, and `--format json` has all."""
DECISIONS: dict[str, Text] = {
    "kept": Text("kept", "保留"),
    "kept-rare": Text("kept though soft: nothing is like it", "虽不够清晰但罕见，保留"),
    "similar": Text("too like one that was kept", "与已保留的过于相似"),
    "replaced": Text("gave way to a sharper one", "让位于更清晰的一帧"),
    "blurred": Text("blurred", "模糊"),
    "flat": Text("show nothing: a plain field", "没有内容：纯色画面"),
}
"""Words for what `frames` decides."""


def captioned(folder: Path, result: CaptionResult, *, dry_run: bool, form: str, language: Language) -> int:
    """Tell what became of each picture. Returns 1 where pictures could not be captioned, else 0."""
    code = EXIT_FINDINGS if result.failed else EXIT_OK
    if form == "json":
        print_json(
            {
                "exit_code": code,
                "model": result.model,
                "device": result.device,
                "is_written": not dry_run,
                "captions": [
                    {"picture": shown(folder, one.picture), "caption": one.after.decode("utf-8")}
                    for one in result.written
                ],
                "kept": [shown(folder, path) for path in result.kept],
                "resumed": [shown(folder, path) for path in result.resumed],
                "without_caption": [shown(folder, path) for path in result.silent],
                "failed": [
                    {"picture": shown(folder, one.picture), "why": one.why.to(language)} for one in result.failed
                ],
            }
        )
        return code
    console = terminal.make_console()
    for one in result.written[:MOST_SHOWN]:
        terminal.show_line(f"{one.picture.name}: {one.after.decode('utf-8').strip()}", console)
    for failed in result.failed:
        terminal.show_line(f"{failed.picture.name}: {failed.why.to(language)}", terminal.make_console(sys.stderr))
    for text in _captions_told(result, dry_run=dry_run):
        terminal.show_line(text.to(language), console)
    return code


def _captions_told(result: CaptionResult, *, dry_run: bool) -> list[Text]:
    count = len(result.written)
    told = [_written_told(count, dry_run=dry_run)]
    for paths, en, zh in (
        (result.kept, "had a caption already", "已有标注"),
        (result.resumed, "done before the last run was cut off", "上次中断前已完成"),
        (result.silent, "where the model was sure of nothing", "模型没有把握"),
        (result.failed, "could not be captioned", "无法标注"),
    ):
        if paths:
            told.append(Text(f"{plural(len(paths), 'picture', 'pictures')} {en}", f"{len(paths)} 张图片{zh}"))
    if result.model:
        told.append(Text(f"model: {result.model}, on {result.device}", f"模型：{result.model}，运行于 {result.device}"))
    return told


def _written_told(count: int, *, dry_run: bool) -> Text:
    if dry_run:
        return Text(
            f"would write {plural(count, 'caption', 'captions')}; nothing was written",
            f"将写入 {count} 个标注；尚未写入任何内容",
        )
    if not count:
        return Text("no caption was written", "没有写入标注")
    them = "it" if count == 1 else "them"
    return Text(
        f"wrote {plural(count, 'caption', 'captions')}; `lora-run dataset tags DIR undo` takes {them} back",
        f"已写入 {count} 个标注；`lora-run dataset tags DIR undo` 可撤销",
    )


def taken(result: FramesResult, form: str, language: Language) -> int:
    """Tell what became of the frames. Returns 1 where the video could be read in part only, else 0."""
    code = EXIT_FINDINGS if result.notes else EXIT_OK
    if form == "json":
        body: dict[str, Any] = {
            "exit_code": code,
            "folder": result.folder,
            "files": [path.name for path in result.files],
            "decisions": result.decisions,
            "looked_at": result.looked_at,
            "decoded": result.decoded,
            "notes": [note.to(language) for note in result.notes],
        }
        print_json(body)
        return code
    console = terminal.make_console()
    for decision, count in result.decisions.items():
        terminal.show_line(f"{count:6} {DECISIONS[decision].to(language)}", console)
    for note in result.notes:
        terminal.show_line(note.to(language), console)
    end = Text(
        f"{plural(len(result.files), 'picture', 'pictures')} in {result.folder}, of {plural(result.looked_at, 'frame', 'frames')} looked at",
        f"{result.folder} 中有 {len(result.files)} 张图片，共查看 {result.looked_at} 帧",
    )
    terminal.show_line(end.to(language), console)
    return code
