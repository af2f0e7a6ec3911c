"""The methods that are wrapped exist in every entry, with the parameters that are read."""

from __future__ import annotations

import ast
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from orchestrator.telemetry import captions
from orchestrator.telemetry.entry import main_block
from orchestrator.telemetry.hooks import CALLED, NEEDED
from orchestrator.telemetry.probe import fix_timestep
from orchestrator.telemetry.settings import TIMESTEPS
from tests.backends.test_argspec import rig_folder
from tests.telemetry.source import ENTRIES, classes, methods, recorded, recorded_strategies, signatures, strategies

POCKET = Path(__file__).parents[2] / "orchestrator" / "backends" / "pocket" / "trainer" / "train_network.py"


@pytest.mark.parametrize("entry", ENTRIES)
def test_recorded_signatures_hold_what_is_read(entry: str) -> None:
    for name, needed in NEEDED.items():
        assert set(needed) <= set(recorded()[entry][name]), name
    for name, needed in (CALLED | captions.CALLED).items():
        assert tuple(recorded()[entry][name]) == needed, name


@pytest.mark.parametrize("file", recorded_strategies())
def test_recorded_text_strategies_take_what_is_passed(file: str) -> None:
    """In order; the names of tokens and weights differ from model to model."""
    found = recorded_strategies()[file]
    assert {"tokenize", "encode_tokens"} <= set(found)
    for name, parameters in found.items():
        assert len(parameters) == len(captions.STRATEGIES[name]), name
    if file in ("strategy_sd", "strategy_sdxl"):
        assert set(found) == set(captions.STRATEGIES)


def test_pocket_has_the_same_methods() -> None:
    own = methods(classes(POCKET)["NetworkTrainer"])
    for name, needed in NEEDED.items():
        assert set(needed) <= set(own[name]), name
    for name, needed in CALLED.items():
        assert tuple(own[name]) == needed, name
    assert main_block(POCKET.read_text()) is not None


@pytest.mark.rig
def test_the_source_has_the_recorded_signatures() -> None:
    folder = rig_folder() / "sd-scripts"
    assert signatures(folder, [*NEEDED, *CALLED, *captions.CALLED]) == recorded()
    assert strategies(folder, captions.STRATEGIES) == recorded_strategies()
    for entry in ENTRIES:
        block = main_block((folder / f"{entry}.py").read_text())
        assert block is not None
        assert "trainer.train(args)" in ast.unparse(block)


@pytest.mark.rig
def test_the_order_of_a_step_is_the_expected_one() -> None:
    """First the batch, then clipping, the update, and `sample_images` without an epoch; nothing else in between."""
    source = (rig_folder() / "sd-scripts" / "train_network.py").read_text()
    train = next(
        node
        for node in classes(rig_folder() / "sd-scripts" / "train_network.py")["NetworkTrainer"].body
        if isinstance(node, ast.FunctionDef) and node.name == "train"
    )
    loop = [
        node for node in ast.walk(train) if isinstance(node, ast.For) and "train_dataloader" in ast.unparse(node.iter)
    ]
    assert len(loop) == 1
    text = ast.unparse(loop[0])
    wanted = ("self.on_step_start(", "self.process_batch(", "accelerator.clip_grad_norm_(", "optimizer.step()",
              "global_step += 1", "self.sample_images(accelerator, args, None, global_step,")  # fmt: skip
    places = [text.index(one) for one in wanted]
    assert places == sorted(places)
    assert "self.assert_extra_args(args, train_dataset_group, val_dataset_group)" in source


@pytest.mark.rig
def test_text_comes_into_the_batch_as_it_is_made_anew() -> None:
    """Each caption tokenized for itself, and encoders of cached outputs either kept (SDXL) or freed (the others)."""
    folder = rig_folder() / "sd-scripts"
    kinds = classes(folder / "library" / "train_util.py")
    item = ast.unparse(next(n for n in kinds["BaseDataset"].body if getattr(n, "name", "") == "__getitem__"))
    assert "input_ids = [ids[0] for ids in self.tokenize_strategy.tokenize(caption)]" in item
    assert "torch.nn.functional.pad(x, (0, max_len - x.shape[0]))" in item
    for entry in ENTRIES:
        own = next(k for k in classes(folder / f"{entry}.py").values() if k.name.endswith("NetworkTrainer"))
        is_freed = "is_text_encoder_not_needed_for_training" in methods(own)
        assert is_freed == (entry != "sdxl_train_network"), entry
    batch = next(
        node
        for node in classes(folder / "train_network.py")["NetworkTrainer"].body
        if isinstance(node, ast.FunctionDef) and node.name == "process_batch"
    )
    text = ast.unparse(batch)
    for wanted in ("tokenize_strategy.tokenize_with_weights(batch['captions'])", "batch['input_ids_list']",
                   "batch.get('text_encoder_outputs_list', None)"):  # fmt: skip
        assert wanted in text


@pytest.mark.rig
def test_datasets_are_built_as_expected() -> None:
    path = rig_folder() / "sd-scripts" / "library" / "train_util.py"
    kinds = classes(path)
    assert methods(kinds["BaseDataset"])["__getitem__"] == ["index"]
    fields = [ast.unparse(node.target) for node in kinds["BucketBatchIndex"].body if isinstance(node, ast.AnnAssign)]
    assert fields == ["bucket_index", "bucket_batch_size", "batch_index"]
    assert {"caption", "is_reg", "absolute_path"} <= set(methods(kinds["ImageInfo"])["__init__"])
    item = ast.unparse(next(n for n in kinds["BaseDataset"].body if getattr(n, "name", "") == "__getitem__"))
    assert "image_index = self.buckets_indices[index].batch_index * bucket_batch_size" in item
    assert "for image_key in bucket[image_index:image_index + bucket_batch_size]" in item
    assert "self.image_to_subset[image_key]" in item


def _function(path: Path, name: str) -> Any:
    """One function of a module, without the module's imports."""
    node = next(n for n in ast.parse(path.read_text()).body if isinstance(n, ast.FunctionDef) and n.name == name)
    module = ast.Module(body=[node], type_ignores=[])
    names: dict[str, Any] = {"torch": torch, "math": math}
    exec(  # noqa: S102
        compile(module, str(path), "exec", flags=__import__("__future__").annotations.compiler_flag), names
    )
    return names[name]


@pytest.mark.rig
@pytest.mark.parametrize("library", ["flux_train_utils", "lumina_train_util"])
@pytest.mark.parametrize("timestep", TIMESTEPS)
def test_flow_models_have_no_choice_but_the_asked_timestep(library: str, timestep: float) -> None:
    draw = _function(rig_folder() / "sd-scripts" / "library" / f"{library}.py", "get_noisy_model_input_and_timesteps")
    args = SimpleNamespace(timestep_sampling="sigma", sigmoid_scale=1.0, discrete_flow_shift=3.1, ip_noise_gamma=None)
    fix_timestep(args, timestep)
    scheduler = SimpleNamespace(config=SimpleNamespace(num_train_timesteps=1000))
    latents, noise = torch.ones(3, 4, 2, 2), torch.zeros(3, 4, 2, 2)
    noisy, drawn, sigmas = draw(args, scheduler, latents, noise, "cpu", torch.float32)
    assert drawn.tolist() == pytest.approx([timestep] * 3, rel=1e-5)
    assert sigmas.flatten().tolist() == pytest.approx([timestep / 1000] * 3, rel=1e-5)
    assert noisy.flatten().tolist() == pytest.approx([1 - timestep / 1000] * 48, rel=1e-5)


@pytest.mark.rig
@pytest.mark.parametrize("timestep", TIMESTEPS)
def test_sd3_has_no_choice_but_the_asked_timestep(timestep: float) -> None:
    path = rig_folder() / "sd-scripts" / "library" / "sd3_train_utils.py"
    draw = _function(path, "get_noisy_model_input_and_timesteps")
    draw.__globals__["compute_density_for_timestep_sampling"] = _function(path, "compute_density_for_timestep_sampling")
    args = SimpleNamespace(
        weighting_scheme="logit_normal", logit_mean=0.0, logit_std=1.0, mode_scale=1.0, training_shift=3.0
    )
    fix_timestep(args, timestep)
    _, drawn, _ = draw(args, torch.ones(3, 4, 2, 2), torch.zeros(3, 4, 2, 2), "cpu", torch.float32)
    assert drawn.tolist() == [timestep] * 3


@pytest.mark.rig
@pytest.mark.parametrize("timestep", TIMESTEPS)
def test_sd1_and_sdxl_have_no_choice_but_the_asked_timestep(timestep: float) -> None:
    draw = _function(rig_folder() / "sd-scripts" / "library" / "train_util.py", "get_timesteps")
    args = SimpleNamespace()
    fix_timestep(args, timestep)
    assert draw(args.min_timestep, args.max_timestep, 3, "cpu").tolist() == [timestep] * 3
