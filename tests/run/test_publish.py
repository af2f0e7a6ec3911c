from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from orchestrator.core.durable import sha256_of
from orchestrator.core.rundir import RunDir
from orchestrator.run.saved import publish
from orchestrator.run.saved.keeper import Keeper
from orchestrator.run.saved.publish import Publisher, changed_files, sidecar_problem, write_sidecar
from orchestrator.training.attempts import verify

FLIPS = 200
RELIABILITY = {
    "A05": "torn files under a good name: never in checkpoints/",
    "A16": "files of earlier attempts: byte for byte the same after later ones",
    "B12": "a file system without hard links: copied and renamed",
    "C03": f"{FLIPS} flipped bits in published files: found by the SHA-256 beside them",
    "C05": "the last page zero, as after a power cut: set apart before it is published, found by its SHA-256 after",
    "C06": "NaN, infinity, other tensors (also than those of earlier attempts), no tensors: named, not published",
    "D07": "an older attempt that still lives: cannot publish",
}


def network(
    path: Path, value: float = 1.0, name: str = "lora_unet_a", shape: tuple[int, int] = (4, 2), **metadata: str
) -> Path:
    save_file(
        {f"{name}.lora_up.weight": np.full(shape, value, np.float32)},
        path,
        {f"ss_{k}": v for k, v in metadata.items()},
    )
    return path


def attempt(root: Path, number: int = 1) -> RunDir:
    run = RunDir(root, number)
    run.output.mkdir(parents=True)
    return run


def test_a_file_that_rests_is_published_once_with_its_sum(tmp_path: Path) -> None:
    run = attempt(tmp_path / "run")
    publisher = Publisher(run, 0, verify)
    source = network(run.output / "a-000002.safetensors", steps="10", epoch="2")
    assert publisher.look() == []  # it may still be written
    (found,) = publisher.look()
    assert (found.file, found.step, found.epoch, found.is_final) == ("a-000002.safetensors", 10, 2, False)
    published = run.checkpoints / found.file
    assert published.read_bytes() == source.read_bytes()
    assert (run.checkpoints / f"{found.file}.sha256").read_text() == f"{sha256_of(source)}  {found.file}\n"
    assert publisher.look() == []
    assert publisher.settle() == []


def test_a_torn_file_waits_and_is_set_apart_in_the_end(tmp_path: Path) -> None:
    run = attempt(tmp_path / "run")
    whole = network(tmp_path / "whole.safetensors").read_bytes()
    torn = run.output / "a.safetensors"
    torn.write_bytes(whole[:-5])
    publisher = Publisher(run, 0, verify)
    assert publisher.look() == []
    assert publisher.look() == []
    (found,) = publisher.settle()
    assert found.problem
    assert not torn.exists()
    assert (run.quarantine / "001" / "a.safetensors").read_bytes() == whole[:-5]
    assert (run.quarantine / "001" / "a.safetensors.why.txt").read_text().strip() == found.problem
    assert not run.checkpoints.exists()


def test_a_file_made_anew_after_a_torn_one_is_published(tmp_path: Path) -> None:
    run = attempt(tmp_path / "run")
    source = network(run.output / "a.safetensors", steps="10", epoch="2")
    whole = source.read_bytes()
    source.write_bytes(whole[:-5])
    keeper = Keeper(run, "a", 0, 5, verify)
    assert [event for event, _ in keeper.finish()] == ["quarantined"]
    source.write_bytes(whole)
    ((event, facts),) = keeper.finish()
    assert (event, facts["file"], facts["is_final"]) == ("published", "a.safetensors", True)
    assert (run.checkpoints / "a.safetensors").read_bytes() == whole
    assert keeper.finish() == []


def test_a_torn_file_that_cannot_be_moved_is_told_once(tmp_path: Path) -> None:
    run = attempt(tmp_path / "run")
    torn = run.output / "a.safetensors"
    torn.write_bytes(b"torn")
    run.quarantine.write_text("a file where the folder should be")
    publisher = Publisher(run, 0, verify)
    assert [found.event for found in publisher.settle()] == ["quarantined"]
    assert publisher.settle() == []
    assert torn.read_bytes() == b"torn"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_none_are_not_published(tmp_path: Path, value: float) -> None:
    run = attempt(tmp_path / "run")
    network(run.output / "a.safetensors", value)
    (found,) = Publisher(run, 0, verify).settle()
    assert "NaN or infinity" in found.problem


def test_other_tensors_than_before_are_not_published(tmp_path: Path) -> None:
    run = attempt(tmp_path / "run")
    network(run.output / "a-000001.safetensors")
    network(run.output / "a-000002.safetensors", name="lora_unet_b")
    save_file({}, run.output / "a-000003.safetensors")
    found = Publisher(run, 0, verify).settle()
    assert [f.problem for f in found] == ["", "its tensors are not those of the files before it", "holds no tensors"]


def test_other_tensors_than_an_earlier_attempt_published_are_not_published(tmp_path: Path) -> None:
    root = tmp_path / "run"
    first = attempt(root)
    network(first.output / "a-000001.safetensors")
    network(first.output / "a-000002.safetensors")
    Publisher(first, 0, verify).settle()
    damaged = first.checkpoints / "a-000002.safetensors"
    damaged.write_bytes(damaged.read_bytes().replace(b"lora_unet_a", b"lora_unet_c"))
    network(first.checkpoints / "z.safetensors", name="lora_unet_z")  # somebody else's
    second = attempt(root, 2)
    network(second.output / "a-000003.safetensors", name="lora_unet_b")
    network(second.output / "a-000004.safetensors")
    found = Publisher(second, 10, verify).settle()
    assert [f.problem for f in found] == ["its tensors are not those of the files before it", ""]


def test_a_last_page_of_zeros_is_found_before_and_after_publishing(tmp_path: Path) -> None:
    run = attempt(tmp_path / "run")
    source = network(run.output / "a.safetensors", shape=(700, 8))
    whole = source.read_bytes()
    torn = whole[: len(whole) // 4096 * 4096].ljust(len(whole), b"\0")
    source.write_bytes(torn)
    (found,) = Publisher(run, 0, verify).settle()
    assert found.problem.endswith("bytes are zeros from the beginning of a page on, as after a power cut")
    assert (run.quarantine / "001" / "a.safetensors").read_bytes() == torn
    source.write_bytes(whole)
    (found,) = Publisher(run, 0, verify).settle()
    published = run.checkpoints / found.file
    published.write_bytes(torn)
    assert sidecar_problem(published) is not None
    assert changed_files(run) == [found.file]


def test_a_later_attempt_writes_over_nothing(tmp_path: Path) -> None:
    root = tmp_path / "run"
    first = attempt(root)
    network(first.output / "a-000002.safetensors", 1.0)
    network(first.output / "a-step00000005.safetensors", 1.0)
    Publisher(first, 0, verify).settle()
    before = {p.name: p.read_bytes() for p in first.checkpoints.iterdir()}
    second = attempt(root, 2)
    network(second.output / "a-000002.safetensors", 2.0)
    network(second.output / "a-step00000005.safetensors", 2.0)
    found = Publisher(second, 10, verify).settle()
    assert [(f.file, f.step) for f in found] == [
        ("a-000002-attempt002.safetensors", None),
        ("a-step00000015.safetensors", 15),  # the trainer counts from 1 in every attempt
    ]
    assert {name: (first.checkpoints / name).read_bytes() for name in before} == before


def test_an_older_attempt_publishes_nothing_more(tmp_path: Path) -> None:
    first = attempt(tmp_path / "run")
    publisher = Publisher(first, 0, verify)
    attempt(tmp_path / "run", 2)
    network(first.output / "a.safetensors")
    (found,) = publisher.settle()
    assert found.problem == "a later attempt has begun"
    assert not first.checkpoints.exists()


def test_without_hard_links_it_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "link", refuse)
    run = attempt(tmp_path / "run")
    source = network(run.output / "a.safetensors")
    (found,) = Publisher(run, 0, verify).settle()
    assert (run.checkpoints / found.file).read_bytes() == source.read_bytes()
    assert not source.samefile(run.checkpoints / found.file)
    assert not list(run.checkpoints.glob(".*"))


def test_a_disk_that_is_full_for_a_moment_costs_no_file_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, digest: str) -> None:
        if path.name in refused:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        write_sidecar(path, digest)

    monkeypatch.setattr(publish, "write_sidecar", full)
    run = attempt(tmp_path / "run")
    for name in ("a-000001", "a-000002", "a"):
        network(run.output / f"{name}.safetensors")
    refused = {"a-000001.safetensors", "a-000002.safetensors"}
    publisher = Publisher(run, 0, verify)
    publisher.look()
    assert [found.file for found in publisher.look()] == ["a.safetensors"]
    assert sorted(p.name for p in run.checkpoints.iterdir()) == ["a.safetensors", "a.safetensors.sha256"]
    refused = {"a-000002.safetensors"}
    assert [found.file for found in publisher.look()] == ["a-000001.safetensors"]
    (found,) = publisher.settle()
    assert (found.event, found.source) == ("not-published", "attempts/001/output/a-000002.safetensors")
    assert os.strerror(errno.ENOSPC) in found.problem
    refused = set()
    assert [found.file for found in publisher.settle()] == ["a-000002.safetensors"]


def test_a_file_that_was_linked_and_never_noted_keeps_its_name(tmp_path: Path) -> None:
    run = attempt(tmp_path / "run")
    source = network(run.output / "a.safetensors")
    run.checkpoints.mkdir()
    os.link(source, run.checkpoints / "a.safetensors")
    (found,) = Publisher(run, 0, verify).settle()
    assert found.file == "a.safetensors"
    assert sidecar_problem(run.checkpoints / found.file) is None
    assert len(list(run.checkpoints.iterdir())) == 2


def test_a_sum_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def torn(path: Path, text: str, **_: object) -> None:
        path.write_bytes(text.encode()[:10])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", torn)
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)):
        write_sidecar(tmp_path / "a.safetensors", "0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_a_flipped_bit_is_found_by_the_sum(tmp_path: Path) -> None:
    run = attempt(tmp_path / "run")
    network(run.output / "a.safetensors")
    (found,) = Publisher(run, 0, verify).settle()
    path = run.checkpoints / found.file
    whole = path.read_bytes()
    assert sidecar_problem(path) is None
    for number in range(FLIPS):
        place = number * len(whole) // FLIPS
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << number % 8]) + whole[place + 1 :])
        assert sidecar_problem(path) is not None
