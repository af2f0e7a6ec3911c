"""Output as broken, careless and malicious programs print it: the run goes on, memory stays small, the right step is read."""

from __future__ import annotations

import io
import json
import os
import random
import re
import subprocess
import sys
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from orchestrator.core.observation import LogEvent
from orchestrator.core.rundir import RunDir
from orchestrator.observe.console import ConsoleParser
from orchestrator.observe.console_file import read_console
from orchestrator.report.judged import diagnose
from orchestrator.report.watcher import Watcher
from orchestrator.run.process.console_log import PART_BYTES, PARTS
from tests.hostile.counts import IS_FULL, count
from tests.hostile.fuzz_page import note

MIB = 1 << 20
MOST_RSS_MIB = 100
MOST_ENDLESS_MIB, MOST_RANDOM_MIB, MOST_UPDATES, MOST_MIXES = 1024, 200, 10_000_000, 5_000
"""With LORA_FULL=1; a part of them at each change."""
ENDLESS_MIB, RANDOM_MIB = count(MOST_ENDLESS_MIB, 64), count(MOST_RANDOM_MIB, 3)
UPDATES, MIXES = count(MOST_UPDATES, 100_000), count(MOST_MIXES, 300)
HEAD = "running training / 学習開始\n  total optimization steps / 学習ステップ数: {total}\n"


def bar(step: int, total: int, loss: str = "0.1") -> str:
    return f"steps: {100 * step // total:3d}%|█▌        | {step}/{total} [00:06<01:42,  1.30s/it, avr_loss={loss}]"


STEER = (
    "\x1b[31mred\x1b[0m", "\x1b[2J\x1b[H", "\x1b[1A\x1b[2K", "\x1b[?25l", "\x1b[?1049h", "\x1b]0;title\x07", "\x1b]52;c;aGVsbG8=\x07",
    "\x1b]8;;http://example.org\x1b\\click\x1b]8;;\x1b\\", "\x1bP+q544e\x1b\\", "\x1b_Gi=1;AAAA\x1b\\", "\x1bc", "\x1b(0", "\x9b31m", "\x90q\x9c", "\x07", "\x08\x08",
    "\x0e", "\x7f", "\u202eevil", "\u2066x\u2069", "\u200f", "\ufeff", "\u2028", "\x1b[6n", "\x1b[>c", "\x1b[200~", "\x1b]1337;File=:AAAA\x07",
)  # fmt: skip
"""What steers a terminal: colours, cursor, title, clipboard, links, queries, character sets, directions of text."""
FAKES = tuple(
    template.format(bar=bar(step, total))
    for template in (
        "prompt: {bar}\n", "caption: a girl, {bar}, smile\n", "\ncaption \r{bar}\n", "  {bar}\n", "                             {bar}\n",
        "INFO     {bar}\n", "2026-11-29 01:00:00 INFO     {bar}   train_util.py:7\n", "'{bar}'\n", "> {bar}\n", "validation {bar}\n", "[rank1]: prompt {bar}\n",
    )
    for step, total in ((5, 5), (9, 9), (50, 40), (999_999, 999_999))
)  # fmt: skip
"""Bars of other lengths, and such inside captions and prompts: none is the training's of 40 steps."""
RELIABILITY = {
    "G01": f"{MOST_ENDLESS_MIB} MiB without a line end (with LORA_FULL=1), below {MOST_RSS_MIB} MiB of memory",
    "G02": f"{MOST_RANDOM_MIB} MiB of random bytes (with LORA_FULL=1)",
    "G03": f"{MOST_UPDATES:,} carriage returns (with LORA_FULL=1): the last value is right",
    "G04": f"{len(STEER)} ways to steer a terminal, in messages, paths and errors: none reaches terminal or report",
    "G05": f"{MOST_MIXES:,} logs of UTF-8, CP932, GBK and broken bytes mixed (with LORA_FULL=1): the steps are read",
    "G06": f"{len(FAKES)} bars inside captions and prompts, or of another length: not counted",
    "G07": "ranks and two bars woven into one another",
    "G08": "a watcher that looks at nothing while 100,000 lines come",
}


def pumped(tmp_path: Path, source: str, who: str = "watched") -> dict[str, Any]:
    """Return what pumping the output of the Python program `source` took."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) as writer:
        program = [sys.executable, "-m", "tests.hostile.pump_alone", str(tmp_path / "console.log"), who]
        done = subprocess.run(program, stdin=writer.stdout, capture_output=True, check=True, env=environment)
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["rss_mib"] < MOST_RSS_MIB
    on_disk = sum(path.stat().st_size for path in tmp_path.glob("console*.log"))
    assert on_disk <= PARTS * (PART_BYTES + MIB)
    return found


def test_a_gigabyte_without_a_line_end(tmp_path: Path) -> None:
    source = f"import sys\nfor _ in range({ENDLESS_MIB}): sys.stdout.buffer.write(b'z' * {MIB})\nprint()\nprint('model saved.')"
    found = pumped(tmp_path, source)
    assert found["last"] == "model saved."
    assert [e.kind for e in read_console(tmp_path / "console.log").events] == ["model-saved"]
    note(
        "G01", f"{ENDLESS_MIB} MiB without a line end", f"{found['rss_mib']:.0f} MiB memory, {found['cpu_s']:.1f} s CPU"
    )


def test_random_bytes(tmp_path: Path) -> None:
    source = f"import random, sys\nr = random.Random(5)\nfor _ in range({RANDOM_MIB}): sys.stdout.buffer.write(r.randbytes({MIB}))"
    found = pumped(tmp_path, source)
    reading = read_console(tmp_path / "console.log")
    assert len(reading.progress.steps) == 0
    note("G02", f"{RANDOM_MIB} MiB of random bytes", f"{found['rss_mib']:.0f} MiB memory, {found['cpu_s']:.1f} s CPU")


def test_ten_million_carriage_returns(tmp_path: Path) -> None:
    source = (
        "import sys\n"
        f"print({HEAD.format(total=UPDATES)!r}, end='')\n"
        f"for step in range(1, {UPDATES} + 1):\n"
        f"    sys.stdout.write('\\rsteps: ' + str(100 * step // {UPDATES}) + '%|#| ' + str(step)"
        f" + '/{UPDATES} [00:06<01:42,  9.3it/s, avr_loss=0.123]')\n"
    )
    found = pumped(tmp_path, source)
    event = ConsoleParser().feed(found["last"])
    assert event is not None
    assert (event.values["step"], event.values["avr_loss"]) == (UPDATES, 0.123)
    per_mib = found["cpu_s"] / (UPDATES * 62 / MIB)
    note("G03", f"{UPDATES:,} updates of the bar", f"last step right; {per_mib * 10 * 100:.0f} % of a core at 10 MiB/s")
    if not IS_FULL:
        assert read_console(tmp_path / "console.log").facts["last_step"] == UPDATES


def drives(text: str) -> list[str]:
    """Return the characters of `text` that a terminal may act on, apart from line ends."""
    return [c for c in text if c not in "\n\r\t" and unicodedata.category(c) in {"Cc", "Cf", "Zl", "Zp"}]


@pytest.mark.parametrize("number", range(len(STEER)))
def test_nothing_that_steers_a_terminal_gets_through(
    number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = STEER[number]
    lines = [
        HEAD.format(total=40), f"saving checkpoint: /runs/{evil}/x.safetensors", f"epoch {evil} 1/4", f"network module {evil}: networks.lora",
        f"2026-11-29 01:00:00 WARNING  neither caption file nor class tokens are found {evil}   train_util.py:1", bar(3, 40),
        "Traceback (most recent call last):", f'  File "{evil}.py", line 3, in f', f"RuntimeError: CUDA out of memory {evil}",
        f"ValueError: {evil} was here",
    ]  # fmt: skip
    run = tmp_path / "run"
    run.mkdir()
    (run / "console.log").write_bytes("\n".join(lines).encode())
    stream, parser = io.StringIO(), ConsoleParser()
    with Watcher(stream, "en") as watcher:
        watcher.begins(RunDir(run, 1), 40)
        for line in "\n".join(lines).split("\n"):
            event = parser.feed(line)
            assert event is None or not drives(event.text + str(event.values)), line
            if isinstance(event, LogEvent):
                watcher.event(event)
    assert drives(stream.getvalue()) == []
    from orchestrator.report import tell

    done = diagnose(run, "en", tmp_path / "out")
    tell.finished(done.report, done.files, done.problems, "text", "en")
    printed = capsys.readouterr().out
    page = done.files["report.html"].read_text(encoding="utf-8")
    assert drives(printed) == []
    assert [c for c in drives(re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL)) if c in evil] == []


def test_encodings_mixed_in_one_log(tmp_path: Path) -> None:
    draw = random.Random(20261129)
    words = ("保存しました", "训练开始", "エポック", "café", "학습", "🦊")
    log = tmp_path / "console.log"
    for _ in range(MIXES):
        parts = [HEAD.format(total=40).encode()]
        for step in range(1, 41):
            encoding = draw.choice(("utf-8", "cp932", "gbk", "utf-16-le", "latin-1"))
            said = f"{draw.choice(words)} {step}".encode(encoding, "replace").replace(b"\n", b"").replace(b"\r", b"")
            parts += [
                said,
                b"\n",
                draw.randbytes(draw.randint(0, 3)).replace(b"|", b""),
                b"\r",
                bar(step, 40).encode(),
                b"\n",
            ]
        log.write_bytes(b"".join(parts))
        assert list(read_console(log).progress.steps) == list(range(1, 41))
    note("G05", f"{MIXES:,} logs of mixed encodings", "every step read")


@pytest.mark.parametrize("number", range(len(FAKES)))
def test_a_bar_that_is_not_the_trainings_does_not_count(number: int, tmp_path: Path) -> None:
    log = tmp_path / "console.log"
    log.write_text(f"{HEAD.format(total=40)}\r{bar(1, 40)}\n{FAKES[number]}\r{bar(2, 40)}\n", encoding="utf-8")
    reading = read_console(log)
    assert list(reading.progress.steps) == [1, 2]
    assert reading.facts["last_step"] == 2


def test_ranks_and_two_bars_are_told_apart(tmp_path: Path) -> None:
    """Two ranks print their errors, and a bar of caching and one of validation are drawn between the steps."""
    lines = [HEAD.format(total=40)]
    for step in range(1, 41):
        lines += [
            f"\r{bar(step, 40)}",
            f"\n[rank1]: epoch steps {step}: {bar(7, 9)}\n",
            f"\rvalidation steps:  50%|█    | {step}/80 [00:01<00:01, 2.0it/s, val_avg_loss=0.2]",
            f"\x1b[A\rcaching latents:  10%|█    | {step}/400 [00:01<00:01, 2.0it/s]\n",
        ]
    lines += ["[rank0]: ValueError: one\n", "[rank1]: RuntimeError: CUDA out of memory\n"]
    log = tmp_path / "console.log"
    log.write_text("".join(lines), encoding="utf-8")
    reading = read_console(log)
    assert list(reading.progress.steps) == list(range(1, 41))
    assert reading.facts["last_step"] == 40


def test_a_watcher_that_never_looks_costs_no_memory_and_holds_nothing_up(tmp_path: Path) -> None:
    """Half of what waits is let go of; the log has all of it."""
    found = pumped(tmp_path, "for n in range(100_000): print('a line that nobody looks at, number', n)", "alone")
    assert found["is_last"]
    assert found["lines"] + found["dropped"] == 100_000
    assert found["dropped"] > 0
    assert (tmp_path / "console.log").read_bytes().count(b"\n") == 100_000
