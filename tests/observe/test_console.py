from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from orchestrator.observe.console import ConsoleParser, clean
from orchestrator.observe.console_kinds import KINDS, WORDINGS
from tests.several_processes import KILLED, OWN_ERROR

if TYPE_CHECKING:
    from orchestrator.core.observation import LogEvent

BAR = "steps:   6%|▌         | 1/18 [00:06<01:42,  6.05s/it, avr_loss=1.07]"

LINES: list[tuple[str, str, dict[str, Any]]] = [
    (
        "2026-11-21 02:22:41 INFO     Loading settings from train.toml...                     train_util.py:4744",
        "settings-loaded",
        {"path": "train.toml"},
    ),
    ("                    INFO     Using v1 tokenizer               strategy_sd.py:26", "tokenizer", {"version": "v1"}),
    ("Using DreamBooth method.", "dataset-method", {"method": "dreambooth"}),
    (
        "Loading dataset config from dataset.toml",
        "dataset-method",
        {"method": "dataset_config", "path": "dataset.toml"},
    ),
    (
        "found directory data/10_初音 ミク contains 20 image files",
        "folder-found",
        {"path": "data/10_初音 ミク", "images": 20},
    ),
    (
        "ignore directory without repeats / 繰り返し回数のないディレクトリを無視します: pictures",
        "folder-ignored",
        {"name": "pictures"},
    ),
    ("not directory: data/none", "folder-missing", {"path": "data/none"}),
    (
        "ignore subset with image_dir='data/1_x': no images found / 画像が見つからないためサブセットを無視します",
        "subset-ignored",
        {},
    ),
    (
        "No caption file found for 7 images. Training will continue without captions for these images.",
        "captions-missing",
        {"count": 7},
    ),
    (
        "neither caption file nor class tokens are found. use empty caption for a/b.png / キャプション: a/b.png",
        "caption-empty",
        {"path": "a/b.png"},
    ),
    ("160 train images with repeats.", "images-with-repeats", {"part": "train", "count": 160}),
    ("bucket 3: resolution (512, 768), count: 40", "bucket", {"index": 3, "width": 512, "height": 768, "count": 40}),
    ("mean ar error (without repeats): 0.0123", "bucket-error", {"value": 0.0123}),
    (
        "No data found. Please verify arguments (train_data_dir must be the parent of folders with images) / 画像がありません",
        "no-data",
        {},
    ),
    (
        "model is not found as a file or in Hugging Face, perhaps file name is wrong? / 指定したモデル名",
        "model-not-found",
        {},
    ),
    ("accelerator device: cuda", "device", {"name": "cuda"}),
    ("Enable SDPA for U-Net", "attention", {"name": "SDPA"}),
    ("import network module: networks.lora", "network-module", {"name": "networks.lora"}),
    ("create LoRA network. base dim (rank): 32, alpha: 16.0", "network-created", {"dim": 32.0, "alpha": 16.0}),
    ("create LoRA for Text Encoder 2: 264 modules.", "modules-created", {"part": "te", "count": 264}),
    ("create LoRA for FLUX all blocks: 304 modules.", "modules-created", {"part": "unet", "count": 304}),
    ("enable LoRA for text encoder: 72 modules", "modules-enabled", {"part": "te", "count": 72}),
    ("enable LoRA for U-Net: 192 modules", "modules-enabled", {"part": "unet", "count": 192}),
    (
        "because block_lr_weight is 0 or dim (rank) is 0, 4 LoRA modules are skipped / block_lr_weight",
        "modules-skipped",
        {"count": 4},
    ),
    (
        "load network weights from old.safetensors: <All keys matched successfully>",
        "weights-loaded",
        {"path": "old.safetensors"},
    ),
    ("NO LR skipping!", "group-without-lr", {}),
    (
        "use 8-bit AdamW optimizer | {'weight_decay': 0.1}",
        "optimizer",
        {"name": "8-bit AdamW", "arguments": "{'weight_decay': 0.1}"},
    ),
    (
        "learning rate is too low. If using D-Adaptation or Prodigy, set learning rate around 1.0: lr=0.0001 / 学習率",
        "lr-too-low",
        {"lr": 0.0001},
    ),
    (
        "override steps. steps for 4 epochs is / 指定エポックまでのステップ数: 36",
        "steps-overridden",
        {"epochs": 4, "steps": 36},
    ),
    ("running training / 学習開始", "training-started", {}),
    ("  num train images * repeats / 学習画像の数×繰り返し回数: 160", "train-images", {"count": 160}),
    ("  num validation images * repeats / 学習画像の数×繰り返し回数: 3", "validation-images", {"count": 3}),
    ("  num reg images / 正則化画像の数: 0", "reg-images", {"count": 0}),
    ("  num batches per epoch / 1epochのバッチ数: 9", "batches-per-epoch", {"count": 9}),
    ("  num epochs / epoch数: 4", "epochs", {"count": 4}),
    ("  batch size per device / バッチサイズ: 2, 3", "batch-size", {"sizes": "2, 3"}),
    ("  gradient accumulation steps / 勾配を合計するステップ数 = 4", "gradient-accumulation", {"count": 4}),
    ("  total optimization steps / 学習ステップ数: 18", "total-steps", {"count": 18}),
    ("resume training from local state: out/x-state", "resumed", {"path": "out/x-state"}),
    ("NaN found in latents, replacing with zeros", "nan-latents", {}),
    (
        "saving checkpoint: out/初音 ミク-000001.safetensors",
        "checkpoint-saved",
        {"path": "out/初音 ミク-000001.safetensors"},
    ),
    ("removing old checkpoint: out/x-000001.safetensors", "checkpoint-removed", {"path": "out/x-000001.safetensors"}),
    ("saving state at epoch 3", "state-saved", {"epoch": 3}),
    ("saving state at step 30", "state-saved", {"step": 30}),
    ("saving last state.", "state-saved", {}),
    ("generating sample images at step / サンプル画像生成 ステップ: 9", "sampling", {"step": 9}),
    ("prompt: a cat, sitting", "sample-prompt", {"prompt": "a cat, sitting"}),
    ("No prompt file / プロンプトファイルがありません: p.txt", "no-prompt-file", {"path": "p.txt"}),
    ("epoch 1/3", "epoch-started", {"epoch": 1, "epochs": 3}),
    (
        "train_network.py: error: unrecognized arguments: --foo",
        "argument-error",
        {"message": "unrecognized arguments: --foo"},
    ),
    ("Killed", "killed", {"message": "Killed"}),
    (
        "2026-11-21 02:22:41 INFO     model saved.                       train_network.py:1729",
        "model-saved",
        {"level": "INFO"},
    ),
    (
        "                    WARNING  no regularization images / 正則化         train_util.py:2167",
        "no-reg-images",
        {"level": "WARNING"},
    ),
    ("                    WARNING  something odd             train_util.py:1", "warning", {"message": "something odd"}),
    (
        "                    ERROR    something new                    train_util.py:1",
        "error",
        {"message": "something new"},
    ),
    (BAR, "progress", {"step": 1, "total": 18, "avr_loss": 1.07}),
]


def feed_all(*lines: str) -> list[LogEvent]:
    parser = ConsoleParser()
    return [event for event in map(parser.feed, lines) if event is not None]


@pytest.mark.parametrize(("line", "kind", "values"), LINES, ids=[f"{kind}-{n}" for n, (_, kind, _) in enumerate(LINES)])
def test_each_line_of_the_trainer_is_told_by_its_kind(line: str, kind: str, values: dict[str, Any]) -> None:
    (event,) = feed_all(line)
    assert event.kind == kind
    assert {key: event.values[key] for key in values} == values


def test_every_kind_is_documented_and_every_documented_kind_is_tried_here() -> None:
    tried = {kind for _, kind, _ in LINES}
    elsewhere = {
        "validation-loss",
        "dataset-setting",
        "traceback",
        "out-of-memory",
        "disk-full",
        "first-failed",
        "launcher-error",
        "interrupted",
    }
    assert tried | elsewhere == set(KINDS)
    assert {w.kind for w in WORDINGS} <= set(KINDS)


@pytest.mark.parametrize("encoding", ["cp932", "gbk"])
@pytest.mark.parametrize(
    "line",
    ["  total optimization steps / 学習ステップ数: 18", "  gradient accumulation steps / 勾配を合計するステップ数 = 4"],
)
def test_a_line_in_another_encoding_is_known_by_its_english_half(encoding: str, line: str) -> None:
    (event,) = feed_all(line.encode(encoding, "replace").decode("utf-8", "replace"))
    assert event.values["count"] in (18, 4)


def test_slow_and_fast_bars_give_steps_per_second() -> None:
    slow, fast, unknown = feed_all(
        BAR, BAR.replace("6.05s/it", "9.31it/s"), "steps:   0%|          | 0/18 [00:00<?, ?it/s]"
    )
    assert slow.values["rate_per_s"] == pytest.approx(1 / 6.05)
    assert fast.values["rate_per_s"] == 9.31
    assert unknown.values["rate_per_s"] is None
    assert unknown.values["avr_loss"] is None


def test_other_values_before_the_average_do_not_hide_it() -> None:
    line = "steps:  50%|█████     | 9/18 [00:06<01:42,  6.05s/it, Average key norm=0.02, Keys Scaled=0, avr_loss=nan]"
    (event,) = feed_all(line)
    assert event.values["avr_loss"] != event.values["avr_loss"]


@pytest.mark.parametrize(
    "line",
    [
        "prompt: steps: 100%|██████████| 5/5 [00:01<00:00, 5.0it/s, avr_loss=0.1]",
        "2026-11-21 02:22:41 INFO     steps: 100%|██████████| 5/5 [00:01<00:00, 5.0it/s]      train_util.py:1",
        "steps: 100%|██████████| 5/5 [00:01<00:00, 5.0it/s, avr_loss=0.1]",
        "steps: 100%|██████████| 19/18 [00:01<00:00, 5.0it/s, avr_loss=0.1]",
        "validation steps: 100%|██████████| 18/18 [00:01<00:00, 5.0it/s]",
    ],
)
def test_copies_of_a_bar_are_no_progress(line: str) -> None:
    assert [e.kind for e in feed_all("total optimization steps: 18", line)].count("progress") == 0


def test_a_message_behind_the_bar_is_not_lost() -> None:
    (event,) = feed_all(BAR + "NaN found in latents, replacing with zeros")
    assert event.kind == "nan-latents"
    (event,) = feed_all(BAR + "                    INFO     model saved.            train_network.py:1729")
    assert event.kind == "model-saved"


def test_a_validation_pass_is_told_once_and_not_again_when_its_bar_is_redrawn() -> None:
    end = "epoch validation steps: 100%|██████████| 4/4 [00:00<00:00, 42.2it/s, val_epoch_avg_loss=0.147, timestep=800]\x1b[A"
    redrawn = end.replace("00:00<", "00:02<")
    new = end.replace("0.147", "0.2")
    begin = "epoch validation steps:   0%|          | 0/4 [00:00<?, ?it/s]\x1b[A"
    middle = "epoch validation steps:  75%|███████▌  | 3/4 [00:00<00:00, 41.5it/s, val_epoch_avg_loss=0.18, timestep=600]\x1b[A"
    events = feed_all(begin, middle, end, begin, redrawn, middle, new)
    assert [(e.kind, e.values["loss"], e.values["is_epoch"]) for e in events] == [
        ("validation-loss", 0.147, True),
        ("validation-loss", 0.2, True),
    ]


TRACEBACK = (
    "Traceback (most recent call last):",
    '  File "/opt/sd-scripts/train_network.py", line 1234, in <module>',
    "    trainer.train(args)",
    '  File "/opt/sd-scripts/library/train_util.py", line 99, in cache',
    "    x = y",
)


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        ("RuntimeError: Error(s) in loading state_dict for UNet2DConditionModel:", "traceback"),
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", "out-of-memory"),
        (
            "RuntimeError: [enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory",
            "out-of-memory",
        ),
        ("OSError: [Errno 28] No space left on device", "disk-full"),
        ("subprocess.CalledProcessError: Command '['python', 'x']' returned non-zero exit status 1.", "launcher-error"),
        ("KeyboardInterrupt", "interrupted"),
        ("AssertionError", "traceback"),
    ],
)
def test_a_traceback_ends_in_its_exception(last: str, kind: str) -> None:
    (event,) = feed_all(*TRACEBACK, last)
    assert event.kind == kind
    assert event.values["exception"] == last.split(":", 1)[0]
    assert event.values["where"] == "train_util.py:99 cache"
    assert event.line_number == 6


def test_the_launcher_error_says_how_the_trainer_ended() -> None:
    line = "subprocess.CalledProcessError: Command '['python']' died with <Signals.SIGKILL: 9>."
    (event,) = feed_all(*TRACEBACK, line)
    assert event.values["signal"] == "SIGKILL"


def test_tracebacks_of_two_processes_do_not_mix() -> None:
    zero = [f"[rank0]: {line}" for line in (*TRACEBACK, "ValueError: zero")]
    one = [f"[rank1]: {line}" for line in (*TRACEBACK, "KeyError: 'one'")]
    mixed = [line for pair in zip(zero, one, strict=True) for line in pair]
    assert [e.values["message"] for e in feed_all(*mixed)] == ["zero", "'one'"]


def test_of_several_processes_the_first_that_failed_is_told() -> None:
    *_, launcher, first = feed_all(*KILLED.splitlines())
    assert (launcher.kind, first.kind) == ("launcher-error", "first-failed")
    assert first.values == {"rank": 1, "exit_status": -9, "signal": "SIGKILL"}
    assert [e.values.get("rank") for e in feed_all(*OWN_ERROR.splitlines()) if e.kind == "traceback"] == [1, 0]


def test_a_bar_and_a_record_inside_a_traceback_are_still_seen() -> None:
    lines = [
        *TRACEBACK[:3],
        BAR,
        "                    INFO     model saved.    x.py:1",
        *TRACEBACK[3:],
        "ValueError: end",
    ]
    assert [e.kind for e in feed_all(*lines)] == ["progress", "model-saved", "traceback"]


def test_a_dataset_block_gives_its_settings() -> None:
    lines = [
        "2026-11-21 02:22:41 INFO     [Dataset 0]                                     config_util.py:580",
        " " * 29 + "  batch_size: 2      ",
        " " * 29 + "  [Subset 1 of Dataset 0]",
        " " * 29 + '    image_dir: "data/3_初音ミク"',
        " " * 29 + "    token_warmup_min: 1,",
        "                    INFO     [Prepare dataset 0]          config_util.py:592",
        " " * 29 + "  batch_size: 9",
    ]
    events = feed_all(*lines)
    assert [(e.values["subset"], e.values["key"], e.values["value"]) for e in events] == [
        (None, "batch_size", "2"),
        (1, "image_dir", "data/3_初音ミク"),
        (1, "token_warmup_min", "1"),
    ]


def test_a_simple_log_without_levels_reads_the_same() -> None:
    lines = ["[Dataset 0]", "  batch_size: 2", "  [Subset 0 of Dataset 0]", '    image_dir: "x"', "", "model saved."]
    assert [e.kind for e in feed_all(*lines)] == ["dataset-setting", "dataset-setting", "model-saved"]


def test_escape_sequences_never_reach_the_reader() -> None:
    hostile = "saving checkpoint: \x1b]52;c;cm0gLXJm\x07out/\x1b[31mx\x1b[0m\x1b]8;;http://x\x1b\\.safetensors\x00\u202e\x9b2J\x08"
    (event,) = feed_all(hostile)
    assert event.values["path"] == "out/x.safetensors"
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 for c in event.text + str(event.values))


def test_numbers_that_only_look_like_numbers_are_no_event() -> None:
    assert (
        feed_all("mean ar error (without repeats): 1.2.3", "create LoRA network. base dim (rank): 1.2.3, alpha: 1")
        == []
    )


def test_a_line_of_a_megabyte_is_cut() -> None:
    assert len(clean("x" * 1_000_000)) < 10_000
