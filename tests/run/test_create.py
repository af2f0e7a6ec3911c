from __future__ import annotations

import errno
import hashlib
import os
import threading
import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.backends.protocol import Build
from orchestrator.core.errors import EnvironmentFault, InputError
from orchestrator.core.refusal import reason_of
from orchestrator.core.text import Text, same
from orchestrator.plan.model import Link
from orchestrator.run.records.create import claim_attempt, create_run, folder_name, write_build_to

if TYPE_CHECKING:
    from collections.abc import Callable


def make_build(links: tuple[Link, ...] = ()) -> Build:
    return Build(
        {"train.toml": 'output_dir = "attempts/001/output"\n', "data/prompts/初音.txt": "初音ミク\n"}, links, ()
    )


@pytest.fixture
def pictures(tmp_path: Path) -> tuple[Link, ...]:
    folder = tmp_path / "my pictures 'x'"
    folder.mkdir()
    links = []
    for name in ("a b.png", "初音ミク.png", "a b.txt"):
        (folder / name).write_bytes(name.encode() * 10)
        links.append(Link(f"data/10_初音 ミク/{name}", folder / name))
    return tuple(links)


def digest(folder: Path) -> dict[str, tuple[str, int, int]]:
    return {
        p.name: (hashlib.sha256(p.read_bytes()).hexdigest(), p.stat().st_mtime_ns, p.stat().st_mode)
        for p in sorted(folder.iterdir())
    }


def test_files_links_and_folders_lie_where_the_build_says(tmp_path: Path, pictures: tuple[Link, ...]) -> None:
    before = digest(pictures[0].target.parent)
    run = create_run(
        tmp_path / "runs", "alice", make_build(pictures), extra_files={"recipe.yaml": b"\xef\xbb\xbfa: 1\r\n"}
    )
    assert run.root == tmp_path / "runs" / "alice-001"
    assert run.train_toml.read_bytes() == b'output_dir = "attempts/001/output"\n'
    assert (run.root / "data/prompts/初音.txt").read_text(encoding="utf-8") == "初音ミク\n"
    assert run.recipe.read_bytes() == b"\xef\xbb\xbfa: 1\r\n"
    assert run.output.is_dir()
    assert run.logs.is_dir()
    for link in pictures:
        made = run.root / link.path
        assert made.is_symlink()
        assert made.readlink() == link.target
        assert made.read_bytes() == link.target.read_bytes()
    assert digest(pictures[0].target.parent) == before
    assert not list(run.root.glob(".probe*"))


def test_numbers_go_up_and_gaps_are_not_filled(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    assert create_run(runs, "a", make_build()).root.name == "a-001"
    (runs / "a-007").mkdir()
    (runs / "A-011").mkdir()
    (runs / "a-b-400").mkdir()
    (runs / "a-x").touch()
    assert create_run(runs, "a", make_build()).root.name == "a-012"
    assert create_run(runs, "a-b", make_build()).root.name == "a-b-401"
    (runs / "a-999").mkdir()
    assert create_run(runs, "a", make_build()).root.name == "a-1000"


def test_runs_made_at_the_same_moment_get_folders_of_their_own(tmp_path: Path) -> None:
    made: list[Path] = []
    gate = threading.Barrier(8)

    def make() -> None:
        gate.wait()
        made.append(create_run(tmp_path / "runs", "same", make_build()).root)

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(p.name for p in made) == [f"same-{n:03d}" for n in range(1, 9)]


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("初音ミク", "初音ミク"),
        ('it\'s "mine"', 'it\'s "mine"'),
        ("a/b\\c:d", "a_b_c_d"),
        ("../../etc/passwd", "_._.._etc_passwd"),
        ("..", "run"),
        ("", "run"),
        (" . ", "run"),
        ("-rf", "_rf"),
        ("e\u0301", "\u00e9"),
        ("a\u202eb\u200b\x00", "ab_"),
        ("x" * 400, "x" * 180),
        ("界" * 400, "界" * 60),
    ],
)
def test_names_become_folder_names(name: str, folder: str) -> None:
    assert folder_name(name, is_windows=False) == folder


@pytest.mark.parametrize(
    ("name", "folder"), [("CON", "_CON"), ("nul.txt", "_nul.txt"), ('a"b?', "a_b_"), ("end. ", "end")]
)
def test_windows_has_more_to_say_about_names(name: str, folder: str) -> None:
    assert folder_name(name, is_windows=True) == folder


@given(st.text(), st.booleans())
def test_any_text_becomes_one_safe_folder(name: str, is_windows: bool) -> None:
    folder = folder_name(name, is_windows=is_windows)
    assert folder
    assert len(folder.encode("utf-8")) <= 180
    assert Path(folder).name == folder
    assert folder not in {".", ".."}
    assert unicodedata.is_normalized("NFC", folder)
    assert folder_name(folder, is_windows=is_windows) == folder


def fail(*_args: object, **_keywords: object) -> None:
    raise OSError(errno.EPERM, "not here")


def test_hard_links_where_symbolic_links_fail(
    tmp_path: Path, pictures: tuple[Link, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "symlink_to", fail)
    told: list[Text] = []
    run = create_run(tmp_path / "runs", "a", make_build(pictures), tell=told.append)
    assert all((run.root / x.path).samefile(x.target) and not (run.root / x.path).is_symlink() for x in pictures)
    assert [t.en for t in told] == ["symbolic links cannot be made here: hard links are used"]


def test_copies_where_no_link_works(
    tmp_path: Path, pictures: tuple[Link, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "symlink_to", fail)
    monkeypatch.setattr(os, "link", fail)
    told: list[Text] = []
    run = create_run(tmp_path / "runs", "a", make_build(pictures), tell=told.append)
    for link in pictures:
        assert not (run.root / link.path).samefile(link.target)
        assert (run.root / link.path).read_bytes() == link.target.read_bytes()
    assert "copied" in told[-1].en


def test_a_read_only_data_set_is_enough(tmp_path: Path, pictures: tuple[Link, ...]) -> None:
    folder = pictures[0].target.parent
    for link in pictures:
        link.target.chmod(0o444)
    folder.chmod(0o555)
    before = digest(folder)
    try:
        run = create_run(tmp_path / "runs", "a", make_build(pictures))
        assert (run.root / pictures[0].path).read_bytes() == pictures[0].target.read_bytes()
        assert digest(folder) == before
    finally:
        folder.chmod(0o755)


def test_very_long_paths(tmp_path: Path) -> None:
    deep = tmp_path
    while len(os.fsencode(deep)) < 3000:
        deep = deep / ("深い" * 30)
    deep.mkdir(parents=True)
    picture = deep / ("p" * 250 + ".png")
    picture.write_bytes(b"x")
    link = Link(f"data/1_girl/{picture.name}", picture)
    run = create_run(deep / "runs", "名" * 200, make_build((link,)))
    assert (run.root / link.path).read_bytes() == b"x"


def test_a_file_that_has_gone_is_named_and_nothing_is_left(tmp_path: Path, pictures: tuple[Link, ...]) -> None:
    pictures[1].target.unlink()
    with pytest.raises(EnvironmentFault) as caught:
        create_run(tmp_path / "runs", "a", make_build(pictures))
    assert "初音ミク.png" in caught.value.problems[0].what.en
    assert list((tmp_path / "runs").iterdir()) == []
    assert pictures[0].target.exists()


def test_a_place_that_cannot_be_written_is_told_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file stands here")
    with pytest.raises(EnvironmentFault) as caught:
        create_run(tmp_path / "runs", "a", make_build())
    assert caught.value.problems[0].code == "cannot-write"
    assert str(tmp_path / "runs") in caught.value.problems[0].what.en


def test_a_disk_that_takes_folders_but_no_data_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EnvironmentFault) as caught:
        create_run(tmp_path / "runs", "a", make_build())
    why = caught.value.problems[0].why
    assert why is not None
    assert "No space left" in why.en
    assert list((tmp_path / "runs").iterdir()) == []


@pytest.mark.parametrize(
    ("number", "en", "zh"),
    [
        (errno.ENOSPC, "No space left on device", "磁盘空间不足"),
        (errno.EACCES, "Permission denied", "权限不足"),
        (errno.EROFS, "Read-only file system", "文件系统是只读的"),
        (errno.EEXIST, "File exists", "同名文件已存在"),
        (errno.ENOTDIR, "Not a directory", "路径中有一部分不是目录"),
        (errno.ENAMETOOLONG, "File name too long", "文件名太长"),
        (errno.ENOTSOCK, os.strerror(errno.ENOTSOCK), os.strerror(errno.ENOTSOCK)),
    ],
)
def test_the_systems_refusal_is_told_in_words_of_each_language(number: int, en: str, zh: str) -> None:
    assert reason_of(OSError(number, os.strerror(number), "x")) == Text(en, zh)


def test_a_refusal_without_a_number_is_told_as_it_is() -> None:
    assert reason_of(OSError("tape is torn")) == same("tape is torn")
    assert reason_of(OSError()).en != ""


@pytest.mark.parametrize(
    ("write", "option", "other"),
    [
        (lambda folder: create_run(folder, "a", make_build()), "--runs-dir", "-o`"),
        (lambda folder: write_build_to(folder, make_build()), "-o", "--runs-dir"),
    ],
)
def test_a_refusal_names_the_option_of_the_verb(
    tmp_path: Path, write: Callable[[Path], object], option: str, other: str
) -> None:
    (tmp_path / "file").write_text("a file stands here")
    with pytest.raises(EnvironmentFault) as caught:
        write(tmp_path / "file" / "deeper")
    (problem,) = caught.value.problems
    assert problem.why == Text("Not a directory", "路径中有一部分不是目录")
    assert problem.fix is not None
    assert option in problem.fix.en
    assert option in problem.fix.zh
    assert other not in problem.fix.en
    assert ("run folder" in problem.what.en) == (option == "--runs-dir")


@pytest.mark.parametrize("path", ["/etc/x", "../x", "data/../../x", "", "C:/x"])
def test_a_backend_cannot_write_outside_the_run(tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError, match="leads out"):
        create_run(tmp_path / "runs", "a", Build({path: "x"}, (), ()))
    assert list((tmp_path / "runs").iterdir()) == []


def test_a_build_alone_is_written_into_an_empty_folder_only(tmp_path: Path, pictures: tuple[Link, ...]) -> None:
    folder = tmp_path / "out"
    write_build_to(folder, make_build(pictures))
    assert sorted(p.name for p in folder.iterdir()) == ["data", "train.toml"]
    assert (folder / pictures[0].path).is_symlink()
    before = (folder / "train.toml").stat().st_mtime_ns
    with pytest.raises(InputError) as caught:
        write_build_to(folder, make_build(pictures))
    assert str(folder) in caught.value.problems[0].what.en
    assert (folder / "train.toml").stat().st_mtime_ns == before


def test_file_modes_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        run = create_run(tmp_path / "runs", "a", make_build())
    finally:
        os.umask(before)
    assert run.root.stat().st_mode & 0o777 == 0o700
    assert run.train_toml.stat().st_mode & 0o777 == 0o600


def test_an_attempt_is_claimed_by_one_alone(tmp_path: Path) -> None:
    run = create_run(tmp_path / "runs", "a", make_build())
    files = {"attempts/002/telemetry.json": "{}\n", "train.toml": "another"}
    second = claim_attempt(run, 2, files)
    assert second.output.is_dir()
    assert (second.attempt_dir / "telemetry.json").read_text() == "{}\n"
    assert run.train_toml.read_text() != "another"  # what the run began with is not written again
    with pytest.raises(EnvironmentFault):
        claim_attempt(run, 2, files)
