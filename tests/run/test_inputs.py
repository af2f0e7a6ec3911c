from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from orchestrator.core.rundir import RunDir
from orchestrator.run.records.inputs import BLOCK_BYTES, BLOCKS, WHOLE_BYTES, changed_inputs, fingerprint, start_marking

if TYPE_CHECKING:
    from pathlib import Path

RELIABILITY = {
    "A13": "a base model's file, folder and settings inside it, a picture gone, the trainer's commit: refused"
}
TRAINER: Any = SimpleNamespace(commit="a" * 40)


def plan_of(base: Path, *, num_processes: int = 1) -> Any:
    link = SimpleNamespace(path="data/10_x/a.png")
    return SimpleNamespace(
        subsets=(SimpleNamespace(links=(link,)),), validation=None, num_processes=num_processes,
        train={"pretrained_model_name_or_path": SimpleNamespace(value=str(base))},
    )  # fmt: skip


def begun(tmp_path: Path) -> tuple[Any, RunDir, Path]:
    run = RunDir(tmp_path / "run")
    for path in (run.train_toml, run.dataset_toml, run.root / "data" / "10_x" / "a.png"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(path.name.encode())
    base = tmp_path / "base"
    for name in ("model_index.json", "unet/weights.safetensors", "tokenizer/vocab.txt"):
        (base / name).parent.mkdir(parents=True, exist_ok=True)
        (base / name).write_bytes(bytes(WHOLE_BYTES * 2))
    plan = plan_of(base)
    start_marking(plan, run, TRAINER).join()
    return plan, run, base


def told(plan: Any, run: RunDir, trainer: Any = TRAINER) -> list[str]:
    return [problem.what.en for problem in changed_inputs(plan, run, trainer)]


def test_nothing_changed_is_no_problem(tmp_path: Path) -> None:
    plan, run, _ = begun(tmp_path)
    assert told(plan, run) == []


def test_weights_inside_a_model_folder_count(tmp_path: Path) -> None:
    plan, run, base = begun(tmp_path)
    weights = base / "unet" / "weights.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] = 1
    weights.write_bytes(changed)
    (text,) = told(plan, run)
    assert text.startswith("pretrained_model_name_or_path (unet/weights.safetensors) is not what the run began with: ")


def test_what_is_gone_or_another_is_named(tmp_path: Path) -> None:
    plan, run, base = begun(tmp_path)
    (run.root / "data" / "10_x" / "a.png").unlink()
    (one,) = told(plan, run)
    assert one.startswith("data/10_x/a.png is not what")
    assert one.endswith("gone now")
    texts = told(plan_of(base, num_processes=2), run, SimpleNamespace(commit="b" * 40))
    assert any("num_processes" in text and "1 then, 2 now" in text for text in texts)
    assert any("commit" in text and "a" * 40 in text and "b" * 40 in text for text in texts)


def test_a_run_that_ended_before_it_was_marked_can_only_begin_anew(tmp_path: Path) -> None:
    plan, run, _ = begun(tmp_path)
    run.inputs_json.unlink()
    (problem,) = changed_inputs(plan, run, TRAINER)
    assert problem.fix is not None
    assert "--from-scratch" in problem.fix.en
    assert changed_inputs(plan, run, TRAINER, needs_marks=False) == []


def test_a_large_file_is_read_in_blocks_over_all_of_it(tmp_path: Path) -> None:
    path = tmp_path / "large"
    size = 64 * WHOLE_BYTES
    path.write_bytes(bytes(size))
    before = fingerprint(path)
    for number in range(BLOCKS):
        place = (size - BLOCK_BYTES) * number // (BLOCKS - 1)
        with path.open("r+b") as file:
            file.seek(place)
            file.write(b"\1")
        changed = fingerprint(path)
        assert changed != before
        assert changed.bytes == size
        before = changed
