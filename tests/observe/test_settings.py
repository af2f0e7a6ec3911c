from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.core.safetensors_header import read_header
from orchestrator.observe.settings import family_of, parse_value, read_settings_file, settings_from_metadata

REAL = Path(__file__).parents[1] / "logs" / "untouched"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("None", None),
        ("True", True),
        ("False", False),
        ("8", 8),
        ("-1", -1),
        ("1e-05", 1e-05),
        ("0.1", 0.1),
        (".5", 0.5),
        ("[1e-05, 2e-05]", [1e-05, 2e-05]),
        ('{"a": null}', {"a": None}),
        ("[not json", "[not json"),
        ("1_1", "1_1"),
        ("0x10", "0x10"),
        ("cosine", "cosine"),
    ],
)
def test_metadata_texts_have_types(text: str, value: Any) -> None:
    found = parse_value(text)
    assert found == value
    assert type(found) is type(value)


def test_the_network_remembers_what_the_argument_file_said() -> None:
    from_file = read_settings_file(REAL / "config.toml")
    assert from_file is not None
    remembered = settings_from_metadata(read_header(REAL / "model" / "lora.safetensors").metadata)
    both = set(from_file) & set(remembered) - {"pretrained_model_name_or_path"}
    assert len(both) >= 12
    assert {k: from_file[k] for k in both} == {k: remembered[k] for k in both}
    assert "unet_lr" not in remembered


@pytest.mark.parametrize(
    ("text", "name", "arguments"),
    [
        (
            "torch.optim.adamw.AdamW(weight_decay=0.1,betas=(0.9, 0.99))",
            "AdamW",
            ["weight_decay=0.1", "betas=(0.9, 0.99)"],
        ),
        ("bitsandbytes.optim.adamw.AdamW8bit", "AdamW8bit", None),
        ("prodigyopt.prodigy.Prodigy(decouple=True)", "Prodigy", ["decouple=True"]),
    ],
)
def test_the_optimizer_is_taken_apart(text: str, name: str, arguments: list[str] | None) -> None:
    settings = settings_from_metadata({"ss_optimizer": text})
    assert settings["optimizer_type"] == name
    assert settings.get("optimizer_args") == arguments


def test_network_arguments_and_datasets_are_mapped() -> None:
    datasets = [{"batch_size_per_device": 4, "resolution": [832, 1216], "enable_bucket": True, "max_bucket_reso": 2048}]
    metadata = {"ss_network_args": '{"conv_dim": "4", "dropout": null}', "ss_datasets": json.dumps(datasets)}
    assert settings_from_metadata(metadata) == {
        "network_args": ["conv_dim=4"],
        "train_batch_size": 4,
        "resolution": "832,1216",
        "enable_bucket": True,
        "max_bucket_reso": 2048,
    }
    assert settings_from_metadata({"ss_resolution": "(512, 512)", "ss_batch_size_per_device": "2"}) == {
        "resolution": "512,512",
        "train_batch_size": 2,
    }


def test_a_form_of_a_gui_gets_the_trainers_names(tmp_path: Path) -> None:
    form = {
        "LoRA_type": "Standard",
        "pretrained_model_name_or_path": "base.safetensors",
        "output_name": "doll",
        "max_resolution": "512,512",
        "learning_rate": "0.0001",
        "unet_lr": "",
        "lr_warmup": "10",
        "epoch": "4",
        "max_train_steps": "",
        "max_train_epochs": 0,
        "optimizer": "AdamW8bit",
        "sdxl": True,
        "wandb_api_key": "secret",
    }
    path = tmp_path / "doll_20260101.json"
    path.write_text(json.dumps(form))
    settings = read_settings_file(path)
    assert settings is not None
    assert settings["max_train_epochs"] == 4
    assert settings["learning_rate"] == 0.0001
    assert settings["optimizer_type"] == "AdamW8bit"
    assert settings["resolution"] == "512,512"
    assert not {"unet_lr", "lr_warmup", "wandb_api_key", "max_train_steps", "LoRA_type"} & set(settings)
    assert family_of(settings, {}) == "sdxl"


def test_sections_are_flattened_as_the_trainer_does(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(
        '[general_args.args]\npretrained_model_name_or_path = "x"\n[network_args.args]\nnetwork_dim = 8\nlearning_rate = 1e-4\n[[subsets]]\nnum_repeats = 3\n'
    )
    assert read_settings_file(path) == {"pretrained_model_name_or_path": "x", "network_dim": 8, "learning_rate": 1e-4}


@pytest.mark.parametrize(
    "text", ["[general]\nshuffle_caption = true\n", "title = 'x'\n", "[[datasets]]\nresolution = 512\n"]
)
def test_other_toml_files_are_no_settings(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    assert read_settings_file(path) is None


@pytest.mark.parametrize("name", ["x.toml", "x.json"])
@pytest.mark.parametrize("data", [b"= = =", b"[", b"\x00\xff", b'{"a": ' * 20_000, b"a = [1, 'x'", b'"""'])
def test_a_damaged_file_is_a_valueerror_or_no_settings(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(data)
    found: Any = None
    with contextlib.suppress(ValueError):
        found = read_settings_file(path)
    assert found is None


@pytest.mark.parametrize(
    ("settings", "metadata", "tokenizer", "family"),
    [
        ({}, {"ss_base_model_version": "sd_v1"}, None, "sd15"),
        ({}, {"ss_base_model_version": "sd_v2_v"}, None, "sd2"),
        ({}, {"ss_base_model_version": "sdxl_base_v1-0"}, None, "sdxl"),
        ({}, {"ss_base_model_version": "sd3-medium"}, None, "sd3"),
        ({}, {"ss_base_model_version": "flux1"}, None, "flux"),
        ({"network_module": "networks.lora_flux"}, {}, None, "flux"),
        ({"model_train_type": "sdxl-lora"}, {}, None, "sdxl"),
        ({"v2": True, "network_module": "networks.lora"}, {}, None, "sd2"),
        ({"network_module": "networks.lora"}, {}, "v1", "sd15"),
        ({"network_module": "networks.lora"}, {}, None, None),
    ],
)
def test_the_family_is_named_where_a_source_names_it(
    settings: dict[str, Any], metadata: dict[str, str], tokenizer: str | None, family: str | None
) -> None:
    assert family_of(settings, metadata, tokenizer) == family


@pytest.mark.parametrize("digits", [16, 400, 4000, 5000])
def test_a_number_of_endless_digits_can_be_reckoned_with(tmp_path: Path, digits: int) -> None:
    many = "9" * digits
    remembered = settings_from_metadata(
        {"ss_network_dim": many, "ss_datasets": f'[{{"batch_size_per_device": {many}, "resolution": [{many}, 512]}}]'}
    )
    (tmp_path / "a.json").write_text(f'{{"unet_lr": 1e-4, "network_module": "m", "network_dim": {many}}}')
    (tmp_path / "a.toml").write_text(f'unet_lr = 1e-4\nnetwork_module = "m"\nnetwork_dim = {many}\n')
    for found in (remembered, read_settings_file(tmp_path / "a.json")):
        assert found is not None
        assert {type(value) for value in found.values()} <= {float, str}
        assert found["network_dim"] >= 1e15
    with contextlib.suppress(ValueError):  # of more than 4300 digits
        found = read_settings_file(tmp_path / "a.toml")
        assert found is not None
        assert float(found["network_dim"]) >= 1e15
