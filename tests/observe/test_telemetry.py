"""The recorder's files read back: whole, merged, and damaged in every way a run leaves them."""

from __future__ import annotations

import math
import os
import random
import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.core.rundir import RunDir
from orchestrator.observe import telemetry_file
from orchestrator.observe.read import read_foreign, read_run
from orchestrator.observe.telemetry import read_telemetry
from tests.observe.event_writer import run
from tests.observe.recordings import end, head, lines, note, picture, probe, step, whole, write

if TYPE_CHECKING:
    from pathlib import Path

    from orchestrator.core.telemetry import Telemetry

STARTED = 999.0
"""When the event files of these tests begin."""


def read(*paths: Path) -> Telemetry:
    found, damage = read_telemetry(paths, lambda path: path.name)
    assert found is not None
    assert found.damage == damage
    return found


def test_a_whole_recording(tmp_path: Path) -> None:
    seen = read(write(tmp_path, *whole()))
    assert (seen.mode, seen.entry, seen.objective, seen.world_size) == ("probe", "train_network", "epsilon", 1)
    assert seen.hooks == {"process_batch": True}
    assert [(p.index, p.name, p.caption, p.bucket, p.is_held_out) for p in seen.pictures] == [
        (0, "10_a b/000.png", "ab12cd34", (512, 768), False),
        (1, "10_a b/001.png", "ab12cd34", (512, 768), True),
    ]
    samples = seen.samples
    assert list(samples.steps) == [1, 1, 2, 2, 3, 3]
    assert list(samples.timesteps) == [1.0, -99.0] * 3
    assert list(samples.losses) == [1.0, 0.9, 2.0, 1.9, 3.0, 2.9]
    assert list(samples.targets) == [1.0] * 6
    assert list(samples.pictures) == [0, -1] * 3
    assert list(seen.steps.steps) == [1, 2, 3]
    assert list(seen.steps.grad_norms) == [0.01, 0.02, 0.03]
    assert list(seen.steps.clipped) == [0.0, 1.0, 0.0]
    assert [list(group) for group in seen.steps.lrs] == [[1e-4] * 3, [5e-5] * 3]
    assert seen.steps.ds == ()
    assert [(p.step, p.is_on, p.when) for p in seen.probes] == [
        (0, False, "start"),
        (3, True, "end"),
        (3, False, "end"),
    ]
    assert seen.probes[0].losses == ((0.5, 0.01), (0.6, 0.02))
    assert seen.probes[0].targets == ((1.0, 1.0), (1.0, 1.1))
    assert (seen.is_complete, seen.log_seconds, seen.probe_seconds) == (True, 0.8, 3.1)
    assert seen.damage == ()


def test_what_is_unknown_is_nan_and_never_a_number(tmp_path: Path) -> None:
    bare = step(1, 0, gn=None, cl=None)
    rows = [head(mode="log"), picture(0), bare, step(2, 0, lr=[1e-4]), step(3, 0, lr=[1e-4, 2e-4, 3e-4], d=[0.5])]
    seen = read(write(tmp_path, *rows))
    assert seen.mode == "log"
    assert math.isnan(seen.steps.grad_norms[0])
    assert math.isnan(seen.steps.clipped[0])
    assert [[x if x == x else None for x in group] for group in seen.steps.lrs] == [  # noqa: PLR0124  NaN is not itself
        [1e-4, 1e-4, 1e-4],
        [5e-5, None, 2e-4],
        [None, None, 3e-4],
    ]
    assert [[x if x == x else None for x in group] for group in seen.steps.ds] == [[None, None, 0.5]]  # noqa: PLR0124
    assert not seen.is_complete


def test_losses_that_are_not_finite_are_kept(tmp_path: Path) -> None:
    text = lines(head(), picture(0)) + lines(step(1, 0, 0, l=[math.nan, math.inf], gn=-math.inf))
    seen = read(write(tmp_path, text))
    assert math.isnan(seen.samples.losses[0])
    assert seen.samples.losses[1] == math.inf
    assert seen.steps.grad_norms[0] == -math.inf
    assert seen.damage == ()


def test_a_killed_run_leaves_a_torn_last_line_and_no_complaint(tmp_path: Path) -> None:
    text = lines(*whole()[:-1])
    for cut in range(1, len(lines(whole()[-2]))):
        seen = read(write(tmp_path, text[:-cut]))
        assert list(seen.steps.steps) == [1, 2, 3]
        assert seen.damage == ()
        assert not seen.is_complete
    assert seen.probe_seconds == pytest.approx(0.5)  # of the probes that are left


@pytest.mark.parametrize(
    "tail",
    [b"\0" * 5000, b"\n\n\r\n", b'{"k":"s","n":4,"t":[', b"\xff\xfe\x80"],
    ids=["zeros", "blank", "torn", "bytes"],
)
def test_what_a_power_cut_leaves_at_the_end_is_no_damage(tmp_path: Path, tail: bytes) -> None:
    seen = read(write(tmp_path, *whole()[:-1], tail))
    assert list(seen.steps.steps) == [1, 2, 3]
    assert seen.damage == ()


@pytest.mark.parametrize(
    "bad",
    [
        b"\x00\xff\xfegarbage\n",
        b'{"k":"s","n":2\n',
        b"[" * 100_000 + b"\n",
        b'{"k":"s","n":' + b"9" * 5000 + b"}\n",
        b"\xed\xa0\x80\n",
    ],
    ids=["binary", "half", "nested", "digits", "surrogate"],
)
def test_an_unreadable_line_is_read_around_and_told(tmp_path: Path, bad: bytes) -> None:
    rows = whole()
    seen = read(write(tmp_path, *rows[:5], bad, *rows[5:]))
    assert list(seen.steps.steps) == [1, 2, 3]
    assert seen.is_complete
    assert seen.damage == ("rank0.jsonl: 1 line(s) not readable, the first at line 6; left out",)


@pytest.mark.parametrize(
    "bad",
    [
        step(2, 0, l=["0.5"]),
        step(2, 0, l=[None]),
        step(2, 0, l=[True]),
        step(2, 0, t=[[1]]),
        step(2, 0, i=[0.5]),
        step(2, 0, i=[True]),
        step(2, 0, i=[2**70]),
        step(2, 0, l=[10**400]),
        step(2, 0, l=[0.1, 0.2]),
        step(2, 0, l=0.1),
        step(2, 0, gn="high"),
        step(2, 0, gn=True),
        step(2, 0, cl=1),
        step(2, 0, lr="1e-4"),
        step(2, 0, lr=["1e-4"]),
        step(2, 0, lr=[0.1] * 65),
        step(2, 0, d=[None]),
        step(0, 0),
        step(-3, 0),
        step(2**64, 0),
        {**step(2, 0), "n": "2"},
        {**step(2, 0), "n": 2.0},
        {**step(2, 0), "n": True},
        {"k": "s", "n": 2},
        {"k": "unheard"},
        {"n": 3},
        {"k": []},
        picture(0, "other/name.png"),
        picture(-1),
        picture(5, bucket=[64]),
        picture(5, bucket=["64", "64"]),
        picture(5, bucket=7),
        {**picture(5), "name": 5},
        probe(2, l=[[0.5, 0.01]]),
        probe(2, l=[[0.5], [0.6]]),
        probe(2, on="yes"),
        probe(2, when="later"),
        probe(2, i=[0, "1"]),
        probe(-2),
        probe(2, s=None),
        end(3, log_s="long"),
        {"k": "note"},
        head(v="one"),
        b"3\n",
        b"null\n",
        b'"text"\n',
        b"[]\n",
    ],
)
def test_a_line_with_wrong_values_is_left_out_whole_and_told(tmp_path: Path, bad: dict[str, Any] | bytes) -> None:
    rows = [row for row in whole() if row.get("n") != 2]
    seen = read(write(tmp_path, *rows[:5], bad, *rows[5:]))
    expected = read(write(tmp_path / "clean", *rows))
    assert seen.damage == ("rank0.jsonl: 1 line(s) with values of a wrong kind, the first at line 6; left out",)
    assert (seen.samples, seen.steps, seen.pictures) == (expected.samples, expected.steps, expected.pictures)
    assert (seen.probes, seen.is_complete) == (expected.probes, True)


def test_all_processes_are_merged_by_step(tmp_path: Path) -> None:
    write(tmp_path, head(world=2), picture(0, "a/x.png"), picture(1, "a/y.png"), step(1, 0), step(2, 1), end(2))
    write(
        tmp_path,
        *(
            head(world=2, rank=1),
            picture(0, "a/y.png"),
            picture(1, "a/z.png"),
            note("error", "one"),
            step(1, 0),
            step(2, 1),
        ),
        end(2, log_s=2.0, probe_s=0.0),
        rank=1,
    )
    seen = read(tmp_path / "rank1.jsonl", tmp_path / "rank0.jsonl")
    assert [p.name for p in seen.pictures] == ["a/x.png", "a/y.png", "a/z.png"]
    assert [p.index for p in seen.pictures] == [0, 1, 2]
    assert list(seen.samples.steps) == [1, 1, 2, 2]
    assert list(seen.samples.pictures) == [0, 1, 1, 2]
    assert list(seen.samples.losses) == [1.0, 1.0, 2.1, 2.1]
    assert list(seen.steps.steps) == [1, 2]
    assert (seen.world_size, seen.notes) == (2, ("error: one",))
    assert (seen.log_seconds, seen.probe_seconds) == (2.0, 3.1)


def test_ten_processes_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    paths = [write(tmp_path, head(rank=r), picture(0, f"a/{r}.png"), step(1, 0), rank=r) for r in range(11)]
    seen = read(*sorted(paths))
    assert [p.name for p in seen.pictures] == [f"a/{r}.png" for r in range(11)]
    assert seen.world_size == 11


def test_two_pictures_of_one_name_stay_two(tmp_path: Path) -> None:
    rows = [picture(3, "a/x.png"), picture(7, "a/x.png"), step(1, 3, 7)]
    write(tmp_path, head(), *rows)
    write(tmp_path, head(rank=1), *rows, rank=1)
    seen = read(tmp_path / "rank0.jsonl", tmp_path / "rank1.jsonl")
    assert [p.name for p in seen.pictures] == ["a/x.png", "a/x.png"]
    assert list(seen.samples.pictures) == [0, 1, 0, 1]


def test_a_probe_names_pictures_by_the_joined_numbers(tmp_path: Path) -> None:
    rows = [head(), picture(8), picture(2), probe(0, is_on=False, when="start", i=[2, 99])]
    assert read(write(tmp_path, *rows)).probes[0].pictures == (1, -1)


def test_of_a_step_written_twice_the_last_counts(tmp_path: Path) -> None:
    rows = [step(1, 0), step(2, 0, 0), step(3, 0), step(2, 0, l=[7.5], lr=[3e-4, 1e-5]), step(4, 0)]
    seen = read(write(tmp_path, head(), picture(0), *rows))
    assert list(seen.steps.steps) == [1, 2, 3, 4]
    assert list(seen.steps.lrs[0]) == [1e-4, 3e-4, 1e-4, 1e-4]
    assert list(seen.samples.steps) == [1, 2, 3, 4]
    assert list(seen.samples.losses) == [1.0, 7.5, 3.0, 4.0]
    assert seen.damage == ("rank0.jsonl: steps out of order; of 5 lines 4 were kept, the last of each step",)


def test_a_second_recorder_in_the_file_counts_alone(tmp_path: Path) -> None:
    first = [head(), picture(0, "a/old.png"), note("error", "old"), *(step(n, 0) for n in range(1, 50))]
    seen = read(write(tmp_path, *first, *whole()))
    assert list(seen.steps.steps) == [1, 2, 3]
    assert [p.name for p in seen.pictures] == ["10_a b/000.png", "10_a b/001.png"]
    assert seen.notes == ()
    assert seen.damage == ("rank0.jsonl: a second recorder began at line 53; what stood before is left out",)


def test_two_recorders_at_the_same_time_give_every_step_once(tmp_path: Path) -> None:
    one, two = [head(), picture(0), *(step(n, 0) for n in range(1, 30))], [head(), *(step(n, 0) for n in range(1, 30))]
    mixed = [row for pair in zip(one, two, strict=False) for row in pair]
    seen = read(write(tmp_path, *mixed))
    assert list(seen.steps.steps) == sorted(set(seen.steps.steps))
    assert len(seen.samples) == len(seen.steps)
    assert len(seen.damage) == 2


def test_a_recording_without_its_first_line_is_used_and_told(tmp_path: Path) -> None:
    seen = read(write(tmp_path, *whole()[1:]))
    assert (seen.mode, seen.entry, seen.objective) == ("probe", "", None)
    assert len(seen.steps) == 3
    assert "its first line is missing" in seen.damage[0]


def test_another_version_is_told(tmp_path: Path) -> None:
    rows = whole()
    seen = read(write(tmp_path, {**rows[0], "v": 2}, *rows[1:]))
    assert len(seen.steps) == 3
    assert seen.damage == ("rank0.jsonl: format 2, of another version of this tool; 1 is known",)


def test_texts_cannot_break_what_shows_them(tmp_path: Path) -> None:
    rows = [
        picture(0, "/home/somebody/pictures/10_a b/x.png"),
        picture(1, "C:\\Users\\somebody\\10_a b\\x\x1b[2J.png"),
        picture(2, "a/\ud800<script>.png"),
        note("error", "line\nbreak\r\x07" + "x" * 1000),
    ]
    seen = read(write(tmp_path, head(entry="\x1b]0;x\x07", hooks={"a\n": True, "b": "yes"}), *rows))
    assert [p.name for p in seen.pictures] == ["10_a b/x.png", "10_a b/x?[2J.png", "a/?<script>.png"]
    assert seen.notes[0].startswith("error: line?break??xxx")
    assert len(seen.notes[0]) < 400
    assert (seen.entry, seen.hooks) == ("?]0;x?", {"a?": True})
    assert all(text.isprintable() for text in (seen.entry, *seen.notes, *(p.name for p in seen.pictures)))


def test_ten_thousand_notes_are_not_all_kept(tmp_path: Path) -> None:
    seen = read(write(tmp_path, head(), *(note("error", str(number)) for number in range(10_000))))
    assert len(seen.notes) == telemetry_file.MAX_NOTES


def test_an_exception_at_the_end_is_a_note(tmp_path: Path) -> None:
    seen = read(write(tmp_path, *whole()[:-1], end(3, reason="exception")))
    assert seen.is_complete
    assert seen.notes == ("end: exception",)


@pytest.mark.parametrize(
    "content", [b"", b"\n\n", b"\0" * 4096, b'{"a": 1}\n', b"not json\n", b'{"k":"note","what":"x","text":"y"}\n']
)
def test_a_file_without_a_recording_is_none(tmp_path: Path, content: bytes) -> None:
    found, _ = read_telemetry([write(tmp_path, content)], lambda path: path.name)
    assert found is None


def test_a_file_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    found, damage = read_telemetry([tmp_path / "rank0.jsonl"], lambda path: path.name)
    assert found is None
    assert damage == ("rank0.jsonl: cannot be read (No such file or directory)",)


@pytest.mark.parametrize("seed", range(30))
def test_any_bytes_at_any_place_never_raise(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    text = bytearray(lines(*whole(20)))
    for _ in range(draw.randint(1, 40)):
        place = draw.randrange(len(text))
        cut = draw.randrange(60)
        text[place : place + cut] = draw.randbytes(draw.choice([0, cut, 3 * cut]))
    found, _ = read_telemetry([write(tmp_path, bytes(text))], lambda path: path.name)
    if found is not None:
        assert list(found.steps.steps) == sorted(set(found.steps.steps))
        assert len(found.samples.losses) == len(found.samples.pictures) == len(found.samples)
        assert all(len(column) == len(found.steps) for column in (found.steps.grad_norms, *found.steps.lrs))


def test_an_endless_line_is_passed_over_without_being_held(tmp_path: Path) -> None:
    path = write(tmp_path, *whole()[:5])
    with path.open("ab") as file:
        for _ in range(40):
            file.write(b"x" * 1_000_000)
        file.write(b"\n" + lines(*whole()[5:]))
    tracemalloc.start()
    seen = read(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert list(seen.steps.steps) == [1, 2, 3]
    assert seen.damage == ("rank0.jsonl: 1 line(s) not readable, the first at line 6; left out",)
    assert peak < 8_000_000


def test_of_a_file_beyond_all_measure_the_beginning_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry_file, "MAX_FILE_BYTES", 2 * 2**20)
    seen = read(write(tmp_path, head(), picture(0), *(step(n, 0) for n in range(1, 30_000))))
    assert 1000 < len(seen.steps) < 30_000
    assert seen.damage == ("rank0.jsonl: only its first 2 MiB were read",)


def test_a_long_run_is_held_in_few_bytes(tmp_path: Path) -> None:
    path = write(tmp_path, head(), picture(0), *(step(n, 0, 0, 0, 0) for n in range(1, 5001)))
    tracemalloc.start()
    seen = read(path)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(seen.samples) == 20_000
    assert kept / 5000 < 300  # 100,000 steps: 30 MB
    assert peak / 5000 < 700


def our_run(root: Path, *parts: dict[str, Any]) -> Path:
    folder = RunDir(root).telemetry
    write(folder, *(parts or whole()))
    return root


def test_our_own_run_has_it(tmp_path: Path) -> None:
    seen = read_run(our_run(tmp_path / "alice-001"))
    assert seen.telemetry is not None
    assert len(seen.telemetry.steps) == 3
    assert "telemetry" not in [m.what for m in seen.missing]


def test_damage_is_named_by_the_path_in_the_run(tmp_path: Path) -> None:
    root = our_run(tmp_path / "alice-001", *whole(), {"k": "?"})
    note = "attempts/001/telemetry/rank0.jsonl: 1 line(s) with values of a wrong kind, the first at line 11; left out"
    assert note in read_run(root).damage


def test_other_files_beside_it_are_left_alone(tmp_path: Path) -> None:
    root = our_run(tmp_path / "alice-001")
    (RunDir(root).telemetry / "rank0.jsonl.bak").write_bytes(b"\0\n")
    (RunDir(root).telemetry / "rankX.jsonl").write_bytes(b"\0\n")
    (RunDir(root).telemetry / "rank1.jsonl").mkdir()
    seen = read_run(root)
    assert seen.damage == ()
    assert seen.telemetry is not None


def test_a_run_without_it_says_what_is_missing(tmp_path: Path) -> None:
    (missing,) = [m for m in read_run(tmp_path).missing if m.what == "telemetry"]
    assert "`telemetry: probe`" in missing.why.en
    assert "`telemetry: probe`" in missing.why.zh


def events(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "events.out.tfevents.999.host.1.0").write_bytes(b"".join(run(20)))


def test_a_foreign_folder_has_it_too(tmp_path: Path) -> None:
    write(tmp_path / "somewhere", *whole())
    seen, _, _ = read_foreign(tmp_path)
    assert seen.telemetry is not None
    assert seen.telemetry.mode == "probe"
    seen, _, _ = read_foreign(tmp_path / "somewhere" / "rank0.jsonl")
    assert seen.telemetry is not None


def test_in_a_folder_of_many_runs_the_recording_of_the_run_is_taken(tmp_path: Path) -> None:
    events(tmp_path / "logs")
    for name, started in (("a", STARTED - 400), ("b", STARTED - 40), ("c", STARTED + 90_000)):
        write(tmp_path / name, head(started=started, entry=name), picture(0), step(1, 0))
        os.utime(tmp_path / name / "rank0.jsonl", (started, started))
    seen, _, _ = read_foreign(tmp_path)
    assert seen.telemetry is not None
    assert seen.telemetry.entry == "b"


def test_the_recording_of_another_run_is_not_used(tmp_path: Path) -> None:
    events(tmp_path / "logs")
    write(tmp_path / "a", head(started=STARTED + 90_000), picture(0), step(1, 0))
    seen, _, _ = read_foreign(tmp_path)
    assert seen.telemetry is None
    assert "telemetry of another run is in this folder and was not used" in seen.damage
    assert "telemetry" in [m.what for m in seen.missing]


@pytest.mark.skipif(sys.platform == "win32", reason="no such links there")
def test_a_link_out_of_a_foreign_folder_is_not_followed(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", *whole())
    inside = tmp_path / "inside"
    events(inside / "logs")
    (inside / "rank0.jsonl").symlink_to(outside)
    seen, _, _ = read_foreign(inside)
    assert seen.telemetry is None


def test_a_probe_without_the_trigger_is_kept_beside_the_last_one(tmp_path: Path) -> None:
    probes = [probe(2, when="end"), probe(2, when="no-trigger"), probe(2, when="no-such")]
    seen = read(write(tmp_path, head(), picture(0), picture(1), step(1), *probes, end(2)))
    assert [(one.step, one.when, one.is_on) for one in seen.probes] == [(2, "end", True), (2, "no-trigger", True)]
    assert len(seen.damage) == 1


def test_regularisation_pictures_are_known_as_such(tmp_path: Path) -> None:
    seen = read(write(tmp_path, head(), picture(0), picture(1, reg=True), picture(2, held_out=True), step(1), end(1)))
    assert [(p.is_reg, p.is_subject) for p in seen.pictures] == [(False, True), (True, False), (False, False)]
