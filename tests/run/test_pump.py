"""What goes through the pump: every byte into the log, the newest updates to whoever watches, however they are cut into pieces."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core.record import may_hold_secret, scrub
from orchestrator.run.process.pump import MAX_LINE_BYTES, MOST_UPDATES, Pump, Splitter, Waiting

if TYPE_CHECKING:
    from pathlib import Path

UPDATES = 200_000
RELIABILITY = {
    "G03": f"{UPDATES} updates of a bar at once: the last one right, all in the log, at most a third of a core at 10 MB/s"
}


def through(tmp_path: Path, chunks: list[bytes], secrets: tuple[str, ...] = ()) -> tuple[bytes, list[str]]:
    """Write the chunks one after the other; return the log and the texts that were handed on."""
    read, write = os.pipe()
    waiting = Waiting()
    log = tmp_path / "console.log"
    log.unlink(missing_ok=True)
    pump = Pump(read, log, waiting, secrets)
    for chunk in chunks:
        pump._pass_on(*pump._split(chunk), 0.0)
    os.close(write)
    pump.run()
    os.close(read)
    return log.read_bytes(), [line.text for line in waiting.take(0.0)[0]]


def bar(step: int) -> bytes:
    return b"\rsteps:  42%%|####      | %d/1000000 [00:06<01:42,  1.30s/it, avr_loss=0.1]" % step


@pytest.mark.parametrize("end", [b"", b"\n", b"\r"])
def test_many_updates_at_once_leave_the_newest_and_the_whole_log(tmp_path: Path, end: bytes) -> None:
    data = b"begin\n" + b"".join(bar(step) for step in range(3000)) + end
    chunks = [data[at : at + 60_000] for at in range(0, len(data), 60_000)]
    log, texts = through(tmp_path, chunks)
    assert log == data
    assert texts[0] == "begin"
    assert "2999/1000000" in texts[-1]
    assert len(texts) < 6 * (MOST_UPDATES + 2) + 10


def test_lines_between_many_updates_are_all_handed_on(tmp_path: Path) -> None:
    data = b"".join(b"%s\nword %d\n" % (bar(step), step) for step in range(500))
    _, texts = through(tmp_path, [data])
    assert [text for text in texts if text.startswith("word")] == [f"word {step}" for step in range(500)]


@pytest.mark.parametrize(
    "secret", ["hf_abcdefghijklmnopqrst", "password=hunter22", "https://me:pw12@host/x", "plainsecretvalue"]
)
def test_a_secret_among_many_updates_reaches_neither_log_nor_watcher(tmp_path: Path, secret: str) -> None:
    data = b"".join(bar(step) for step in range(300)) + b"\r" + secret.encode() + b"".join(map(bar, range(300, 600)))
    value = "plainsecretvalue" if secret.startswith("plain") else ""
    log, texts = through(tmp_path, [data], (value,) if value else ())
    for word in ("abcdefghij", "hunter22", "pw12", "plainsecretvalue"):
        assert word.encode() not in log
        assert not any(word in text for text in texts)
    assert b"***" in log


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=40).map(lambda b: b.replace(b"x", b"\r").replace(b"y", b"\n")), max_size=12))
def test_splitting_is_the_same_however_the_bytes_come(chunks: list[bytes]) -> None:
    whole, pieces = Splitter(), Splitter()
    expected = whole.feed(b"".join(chunks))
    assert [line for chunk in chunks for line in pieces.feed(chunk)] == expected
    assert pieces.rest() == whole.rest()


@pytest.mark.parametrize("size", [MAX_LINE_BYTES - 1, MAX_LINE_BYTES, MAX_LINE_BYTES + 1, 3 * MAX_LINE_BYTES])
def test_long_lines_are_cut_however_they_come(size: int) -> None:
    for step in (1000, MAX_LINE_BYTES, size + 10):
        splitter, data = Splitter(), b"z" * size + b"\nshort\n"
        lines = [line for at in range(0, len(data), step) for line in splitter.feed(data[at : at + step])]
        cut = b"" if size <= MAX_LINE_BYTES else b" [%d bytes cut]" % (size - MAX_LINE_BYTES)
        assert lines == [(b"z" * min(size, MAX_LINE_BYTES) + cut, b"\n"), (b"short", b"\n")]


WORDS = ["hf_", "A" * 20, "sk-", "ghp_", "AKIA", "0" * 16, "api_key", "=", ": ", "passWord", "paſſword", "SECRET", "wandb_api_ſecret", "\u212a", "ey",
         "access-to\u212aen", "http://a:b@c", "'v'", " ", "HF_TOKEN", "huggingface_token"]  # fmt: skip


@settings(max_examples=1500, deadline=None)
@given(st.lists(st.sampled_from(WORDS), max_size=6).map("".join))
def test_where_no_sign_of_a_secret_is_nothing_would_be_scrubbed(text: str) -> None:
    if scrub(text) != text:
        assert may_hold_secret(text.encode())


def test_a_flood_of_updates_costs_little(tmp_path: Path) -> None:
    program = (
        f"import os\nfor n in range(0, {UPDATES}, 1000):\n"
        "    os.write(1, b''.join(b'\\rsteps: |####  | %d/10 [00:06<01:42,  1.30s/it, avr_loss=0.1]' % i for i in range(n, n + 1000)))"
    )
    writer = subprocess.Popen([sys.executable, "-S", "-c", program], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    waiting = Waiting()
    texts: list[str] = []

    def drain() -> None:
        is_last = False
        while not is_last:
            lines, is_last = waiting.take(0.1)
            texts.extend(line.text for line in lines[-1:])

    watcher = threading.Thread(target=drain)
    watcher.start()
    pump = Pump(writer.stdout.fileno(), tmp_path / "console.log", waiting, ())
    before = resource.getrusage(resource.RUSAGE_SELF)
    pump.start()
    pump.join()
    watcher.join()
    after = resource.getrusage(resource.RUSAGE_SELF)
    writer.stdout.close()
    writer.wait()
    size = (tmp_path / "console.log").stat().st_size
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert f"{UPDATES - 1}/10" in texts[-1]
    assert size > 60 * UPDATES
    assert cpu_s < size / 10e6 / 3
