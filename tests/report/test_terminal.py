from __future__ import annotations

import io
import math
import os
import pty
import re
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from orchestrator.core.finding import Confidence, Evidence, Location, Problem, Severity, Status, Verdict
from orchestrator.core.observation import LogEvent
from orchestrator.core.problem_text import column_width
from orchestrator.core.provenance import Source
from orchestrator.core.rundir import RunDir
from orchestrator.core.text import LANGUAGES, Language, Text, same
from orchestrator.diagnose.rule import Says
from orchestrator.plan.model import Prompt, Resolved
from orchestrator.report import live_line, terminal
from orchestrator.report.live import Progress, progress_text, sparkline
from orchestrator.report.watcher import Watcher
from orchestrator.run.process.stop import Ahead, asked_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from orchestrator.report.model import ReportData

    Make = Callable[..., ReportData]

HOSTILE = "(tag:1.2) [a|b] [/b] [link=http://x]y[/link] \x1b]8;;http://x\x07z \x1b[31mred\x9b1m"


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class FakeTerminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def written(data: bytes) -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8")


def everything(data: ReportData, stream: io.TextIOBase, language: Language) -> None:
    console = terminal.make_console(stream)  # type: ignore[arg-type]
    assert data.case.plan is not None
    assert data.case.dataset is not None
    where = Location("recipe.yaml", 2, 3, f"  {HOSTILE}", 4)
    problem = Problem("unknown-key", same(HOSTILE), same(HOSTILE), same(HOSTILE), where)
    terminal.show_problems([problem, problem], language, console)
    findings = tuple(replace(f, message=same(HOSTILE), where=where) for f in data.verdict.findings)
    terminal.show_verdict(Verdict(findings), language, console, data.outcome)
    terminal.show_plan(data.case.plan, language, console)
    terminal.show_doctor([("ok", "Python", HOSTILE, ""), ("stop", "disk", "1 GiB", HOSTILE)], language, console)
    terminal.show_end(
        HOSTILE, data.verdict, language, console, outcome=data.outcome, report=HOSTILE, next_recipe="next.yaml"
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_text_of_others_comes_out_as_it_is_and_drives_nothing(make_data: Make, language: Language) -> None:
    stream = io.StringIO()
    everything(make_data(), stream, language)
    text = stream.getvalue()
    assert text.count("(tag:1.2) [a|b] [/b] [link=http://x]y[/link]") >= 8
    assert "\x1b" not in text
    assert "\x9b" not in text
    assert "\r" not in text


def test_on_a_terminal_only_colours_are_escapes(make_data: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    stream = FakeTerminal()
    everything(make_data(), stream, "en")
    text = stream.getvalue()
    assert "\x1b[" in text
    assert not re.sub(r"\x1b\[[\d;]*m", "", text).count("\x1b")
    assert "\x1b]" not in text


def test_no_color_is_honoured(make_data: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = FakeTerminal()
    everything(make_data(), stream, "en")
    assert not re.findall(r"\x1b\[(?:\d+;)*(?:3\d|4\d|9\d)(?:;\d+)*m", stream.getvalue())


@pytest.mark.parametrize("encoding", ["gbk", "ascii", "cp1252"])
def test_a_narrow_encoding_never_raises(make_data: Make, encoding: str) -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding=encoding)
    everything(make_data(), stream, "zh")
    live = live_line.LiveLine(stream, "zh", 10)
    for step in range(1, 11):
        live.update(step, 0.1)
    live.close()
    stream.flush()
    assert len(raw.getvalue().splitlines()) > 30


def test_plan_table_in_a_pipe_keeps_one_line_per_number(make_data: Make) -> None:
    data = make_data()
    assert data.case.plan is not None
    because = same("x" * 300)
    train = {key: replace(item, because=because) for key, item in data.case.plan.train.items()}
    stream = io.StringIO()
    terminal.show_plan(replace(data.case.plan, train=train), "en", terminal.make_console(stream))
    rows = [line for line in stream.getvalue().splitlines() if line.endswith("x" * 300)]
    assert [row.split()[0] for row in rows] == list(train)


def test_plan_shows_each_option_under_its_own_heading(make_data: Make) -> None:
    """The data set's `resolution` is told once, under its own heading."""
    plan = make_data().case.plan
    assert plan is not None
    size = Resolved([512, 512], Source.DERIVED, same("x"))
    both = replace(
        plan,
        dataset_general={"resolution": size},
        train={"resolution": replace(size, value="512,512"), "unet_lr": size},
    )
    prompted = replace(both, prompts=(Prompt("a trophy", 512, 512, 20, 7.5, 1),))
    stream = io.StringIO()
    terminal.show_plan(prompted, "en", terminal.make_console(stream))
    blocks = stream.getvalue().split("\n\n")
    found = {block.splitlines()[0]: [row.split()[0] for row in block.splitlines()[2:]] for block in blocks[1:] if block}
    assert list(found) == ["Folders", "Data set options", "Training options", "Sample prompts"]
    assert found["Data set options"] == ["resolution"]
    assert found["Training options"] == ["unet_lr", "output_name"]
    assert len(found["Folders"]) == len(plan.subsets) + (plan.validation is not None)
    assert "a trophy" in stream.getvalue()


def test_a_reader_that_went_away_is_no_failure() -> None:
    """Rich would end the program with 1, which means findings to fix; the command line knows what to do instead."""
    reading, writing = os.pipe()
    os.close(reading)
    with pytest.raises(BrokenPipeError), os.fdopen(writing, "w", buffering=1) as stream:
        terminal.show_line("told to nobody", terminal.make_console(stream))


def test_verdict_tells_what_was_not_decided(make_data: Make) -> None:
    data = make_data()
    stream = io.StringIO()
    terminal.show_verdict(data.verdict, "en", terminal.make_console(stream))
    told = stream.getvalue()
    (undecided,) = [f for f in data.verdict.findings if f.status is Status.INCONCLUSIVE]
    assert undecided.needs is not None
    line = f"Not judged[{undecided.rule}]: {undecided.message.en} Needs: {undecided.needs.en}"
    assert line in told.splitlines()
    assert "rules: could not decide: 1 · clear: 1 · ignored by the recipe: 1" in stream.getvalue()
    assert stream.getvalue().index("R009") < stream.getvalue().index("R003")
    clear = Verdict(tuple(f for f in data.verdict.findings if f.status is Status.INCONCLUSIVE))
    stream = io.StringIO()
    terminal.show_verdict(clear, "en", terminal.make_console(stream))
    assert "Not judged" in stream.getvalue()
    assert "Nothing fired" not in stream.getvalue()


def test_rules_that_could_not_decide_for_one_reason_share_a_line() -> None:
    reason, needs = Text("The run was not probed.", "没有探针。"), Text("A probe.", "探针。")
    asked = [Says(f"R90{n}", f"rule-{n}").inconclusive(reason, needs) for n in range(3)]
    other = Says("R909", "other").inconclusive(reason, Text("A longer run.", "更长的训练。"))
    stream = io.StringIO()
    terminal.show_verdict(Verdict((*asked[:2], other, asked[2])), "en", terminal.make_console(stream))
    lines = [line for line in stream.getvalue().splitlines() if line.startswith("Not judged[")]
    assert lines[0] == "Not judged[R900, R901, R902]: The run was not probed. Needs: A probe."
    assert lines[1].startswith("Not judged[R909]: ")
    assert len(lines) == 2
    assert "could not decide: 4" in stream.getvalue()


def test_pace_comes_from_arrivals_and_forgets_the_pause_before() -> None:
    progress = Progress(1000)
    progress.advance(1, 0.0)
    progress.advance(2, 600.0)  # ten minutes of caching
    for step in range(3, 103):
        progress.advance(step, 600.0 + (step - 2) * 0.5)
    assert progress.steps_per_second == pytest.approx(2.0, rel=0.05)
    assert progress.seconds_left == pytest.approx((1000 - 102) / 2.0, rel=0.05)
    assert len(progress.arrivals) < 70


@pytest.mark.parametrize("seconds", [0.02, 0.4, 3.0, 50.0])
def test_a_pause_for_samples_does_not_drag_the_pace_along(seconds: float) -> None:
    """The first step after the pause, and the ones that follow, are told at the pace of steps."""
    progress, now = Progress(200), 0.0
    for step in range(1, 101):
        now += seconds + (60 * seconds + 57.0 if step == 60 else 0.0)
        progress.advance(step, now)
        if step >= 60:
            assert progress.steps_per_second == pytest.approx(1 / seconds, rel=0.02), step
            assert progress.seconds_left == pytest.approx((200 - step) * seconds, rel=0.02)


def test_pauses_that_come_back_are_counted_apart() -> None:
    progress, now = Progress(400), 0.0
    for step in range(1, 201):
        now += 0.5 + (20.0 if step % 50 == 0 else 0.0)
        progress.advance(step, now)
    assert [step for step, _ in progress.pauses] == [50, 100, 150, 200]
    assert progress.steps_per_second == pytest.approx(2.0)
    assert progress.seconds_left == pytest.approx(200 * 0.5 + 4 * 20.0)


def test_a_run_that_gets_slower_is_believed_soon() -> None:
    progress, now = Progress(1000), 0.0
    for step in range(1, 131):
        now += 0.5 if step <= 100 else 10.0
        progress.advance(step, now)
    assert progress.steps_per_second == pytest.approx(0.1, rel=0.05)
    assert progress.seconds_left == pytest.approx(870 / 0.1, rel=0.05)


def test_steps_that_a_pipe_hands_over_together_have_a_pace() -> None:
    progress = Progress(1000)
    for step in range(1, 301):
        progress.advance(step, float((step - 1) // 10))
    assert progress.steps_per_second == pytest.approx(10.0, rel=0.1)
    assert progress.pauses == []


def test_pace_is_unknown_before_two_moments() -> None:
    progress = Progress(10)
    assert progress.steps_per_second is None
    progress.advance(1, 5.0)
    progress.advance(2, 5.0)
    assert progress.steps_per_second is None
    assert "it/s" not in progress_text(progress, "en")


def test_sparkline_shows_trend_not_noise() -> None:
    assert sparkline([8.0, 7, 6, 5, 4, 3, 2, 1]) == "█▇▆▅▄▃▂▁"
    assert sparkline([0.1001, 0.1, 0.1, 0.1001], length=4) == sparkline([0.1001, 0.1, 0.1, 0.1001], length=4)
    assert set(sparkline([0.1 + 1e-5 * (n % 2) for n in range(80)])) <= {"▁"}
    assert sparkline([1.0, math.nan, 1.0, 1.0], length=4)[1] == "!"
    assert sparkline([1.0]) == ""


def test_long_runs_stay_cheap_and_keep_their_nan() -> None:
    progress = Progress(50_000)
    for step in range(1, 50_001):
        progress.advance(step, step * 0.01, math.nan if step == 20_001 else 1.0 - step / 50_000)
    assert len(progress.losses) < 4096
    assert sparkline(progress.losses).count("!") == 1
    assert sparkline(progress.losses).replace("!", "") == "█▇▆▄▃▂▁"


def test_line_of_a_known_run() -> None:
    progress = Progress(200)
    for step in range(1, 101):
        progress.advance(step, step * 0.1, 1.0 - step / 200)
    text = progress_text(progress, "en", "R010 nan-loss", is_ascii=True, bar=10)
    assert text.startswith("step 100/200  #####..... 50%  10 it/s  10 s left  loss 0.528 ")
    assert text.endswith("R010 nan-loss")
    assert text.isascii()
    assert "  剩余 10 秒  " in progress_text(progress, "zh")


def test_pipe_gets_plain_lines_now_and_then() -> None:
    stream, clock = io.StringIO(), Clock()
    live = live_line.LiveLine(stream, "en", 1000, clock)
    for step in range(1, 1001):
        clock.now += 0.01
        live.update(step, 0.1)
    live.set_finding("R010 nan-loss: step 7")
    live.close()
    text = stream.getvalue()
    lines = text.splitlines()
    assert 20 <= len(lines) <= 24
    assert "\r" not in text
    assert "\x1b" not in text
    assert not set(text) & set("━─#")
    assert "R010 nan-loss: step 7" in lines
    assert lines[-1].startswith("step 1,000/1,000  100%  100 it/s  loss 0.1")


def test_pipe_without_total_speaks_every_half_minute() -> None:
    stream, clock = io.StringIO(), Clock()
    live = live_line.LiveLine(stream, "en", None, clock)
    for step in range(1, 301):
        clock.now += 1.0
        live.update(step)
    live.close()
    assert len(stream.getvalue().splitlines()) in range(10, 13)


def test_terminal_redraws_one_line_that_fits() -> None:
    stream, clock = FakeTerminal(), Clock()
    live = live_line.LiveLine(stream, "zh", 100, clock)
    live.set_finding("学习率" * 60)
    for step in range(1, 101):
        clock.now += 0.05
        live.update(step, 0.1)
    live.message("saved \x1b[2J x")
    live.close()
    text = stream.getvalue()
    frames = [frame for frame in re.split(r"\r\x1b\[2K|\n", text) if frame]
    assert all(column_width(frame) <= 79 for frame in frames)
    assert 20 < len(frames) < 40
    assert "\x1b[2J" not in text
    assert text.endswith("\n")


def test_wide_characters_are_never_halved() -> None:
    assert live_line.cut_columns("学习率abc", 5) == "学习"
    assert live_line.cut_columns("abc", 3) == "abc"


def test_on_a_real_terminal() -> None:
    code = (
        "import sys; from orchestrator.report.live_line import LiveLine\n"
        "live = LiveLine(sys.stdout, 'en', 50)\n"
        "[live.update(n, 0.1) for n in range(1, 51)]\n"
        "live.close()\n"
    )
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", code], stdout=theirs, env={**os.environ, "TERM": "xterm"})
    os.close(theirs)
    text = b""
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:  # the other end is gone
            break
        if not part:
            break
        text += part
    os.close(ours)
    assert process.wait() == 0
    assert b"\r\x1b[2Kstep 50/50" in text


def test_rich_is_not_loaded_before_something_is_printed() -> None:
    code = "import sys, orchestrator.report.terminal; assert 'rich' not in sys.modules and 'jinja2' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_text_is_translated() -> None:
    progress = Progress(10)
    progress.advance(3, 0.0)
    assert progress_text(progress, "zh").startswith("步 3/10")
    assert Text("a", "b").to("zh") == "b"


def test_before_the_first_step_the_line_says_what_is_being_done() -> None:
    clock, stream = Clock(), FakeTerminal()
    live = live_line.LiveLine(stream, "en", 320, clock)
    live.set_phase("loading the model")
    live.update(0)
    live.message("training begins")
    assert stream.getvalue().endswith("\r\x1b[2Ktraining begins\n\r\x1b[2Kloading the model")
    assert "0/320" not in stream.getvalue()
    clock.now += 1
    live.update(1, 0.1)
    assert "step 1/320" in stream.getvalue().rsplit("\r", 1)[1]
    assert "loading" not in stream.getvalue().rsplit("\r", 1)[1]
    live.set_phase("drawing samples")
    assert stream.getvalue().endswith("drawing samples")
    live.close()
    assert stream.getvalue().endswith("\n")


def test_what_was_only_being_prepared_leaves_no_line() -> None:
    stream = FakeTerminal()
    live = live_line.LiveLine(stream, "en", 320, Clock())
    live.set_phase("loading the model")
    live.close()
    assert stream.getvalue().endswith("\r\x1b[2K")


def test_in_a_pipe_each_phase_is_told_once_and_no_empty_bar() -> None:
    stream = io.StringIO()
    live = live_line.LiveLine(stream, "en", 320, Clock())
    for phase in ("starting", "loading", "loading"):
        live.set_phase(phase)
    live.update(0)
    live.close()
    assert stream.getvalue() == "starting\nloading\n"


def test_what_is_told_on_the_way_stands_whole_above_the_line(tmp_path: Path) -> None:
    stream = FakeTerminal()
    ahead = Ahead(120, 150.0, 380)
    with Watcher(stream, "en") as watcher:
        watcher.begins(RunDir(tmp_path), 1500)
        watcher.event(LogEvent("progress", {"step": 481, "avr_loss": 0.1234}, 1, ""))
        watcher.told(asked_text("safe", ahead))
        watcher.told(asked_text("now", None))
        watcher.found(same("NaN loss at step 481"))
    lines = re.split(r"\r\x1b\[2K|\n", stream.getvalue())
    assert asked_text("safe", ahead).en in lines
    assert "stopping now" in lines
    assert [line for line in lines if line.startswith("step 481/1,500")][-1].endswith("NaN loss at step 481")


@pytest.mark.parametrize("number", [1, 120])
def test_a_place_is_shown_with_a_caret(number: int, make_data: Make) -> None:
    data = make_data()
    where = Location("--set", number, 15, "train.unet_lr=5e-1", 4)
    finding = replace(data.verdict.fired[0], where=where)
    stream = io.StringIO()
    terminal.show_verdict(Verdict((finding,)), "en", terminal.make_console(stream))
    rows = stream.getvalue().splitlines()
    line = next(i for i, row in enumerate(rows) if "train.unet_lr=5e-1" in row and row.startswith(f" {number} | "))
    assert rows[line - 1].strip() == f"--> --set:{number}:15"
    assert rows[line + 1].index("^") == rows[line].index("5e-1")


def test_facts_of_one_measure_share_a_line_and_are_named_where_that_tells_them_apart() -> None:
    says, what = Says("R901", "loud"), Text("sharpness", "清晰度")
    apart = [Evidence(what, 0.3, 0.46, "a.png"), Evidence(what, 0.4, 0.46, "b.png")]
    alike = [Evidence(Text("gain", "收益"), 1, None, "probe"), Evidence(Text("gain", "收益"), 2, None, "probe")]
    finding = says.fired(Severity.WATCH, Confidence.HIGH, Text("Blurred.", "模糊。"), evidence=[*apart, *alike])
    stream = io.StringIO()
    terminal.show_verdict(Verdict((finding,)), "en", terminal.make_console(stream))
    assert "  sharpness: a.png 0.3; b.png 0.4  (limit 0.46)" in stream.getvalue()
    assert "  gain: 1; 2\n" in stream.getvalue()
