"""What is always written out, for every family; and where it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from orchestrator.backends.model_files import missing_files
from orchestrator.core.provenance import Source
from orchestrator.plan.families import FAMILIES
from orchestrator.plan.resolve import sketch_plan
from orchestrator.recipe.dump import dump_resolved, trainer_arg
from orchestrator.recipe.load import load_recipe
from tests.plan.conftest import HEAD

if TYPE_CHECKING:
    from collections.abc import Callable

    from orchestrator.core.finding import Problem
    from orchestrator.plan.model import Plan

    PlanOf = Callable[..., Plan]
    Pictures = Callable[..., Path]
    Refused = Callable[..., dict[str, Problem]]

BASES = {
    "pocket": "{family: pocket}",
    "sd15": "{family: sd15, pretrained_model_name_or_path: m/base.safetensors}",
    "sd2": "{family: sd2, v_parameterization: true, pretrained_model_name_or_path: m/base.safetensors}",
    "sdxl": "{family: sdxl, pretrained_model_name_or_path: m/base.safetensors}",
    "sd3": "{family: sd3, pretrained_model_name_or_path: m/base.safetensors, clip_l: l, clip_g: g, t5xxl: t}",
    "flux": "{family: flux, pretrained_model_name_or_path: m/base.safetensors, clip_l: l, t5xxl: t, ae: a}",
}
ALWAYS = {
    "pretrained_model_name_or_path", "network_module", "network_dim", "network_alpha", "network_train_unet_only",
    "optimizer_type", "learning_rate", "unet_lr", "text_encoder_lr", "lr_scheduler", "lr_warmup_steps", "max_grad_norm",
    "train_batch_size", "gradient_accumulation_steps", "max_train_epochs", "seed", "mixed_precision", "resolution",
    "cache_latents", "max_data_loader_n_workers", "save_every_n_epochs", "save_precision", "save_model_as",
    "sample_every_n_epochs", "sample_at_first", "log_with", "loss_type", "prior_loss_weight", "metadata_title",
    "validation_seed", "validate_every_n_epochs",
}  # fmt: skip
ALWAYS_DATASET = {
    "resolution", "batch_size", "enable_bucket", "min_bucket_reso", "max_bucket_reso", "bucket_reso_steps",
    "bucket_no_upscale", "shuffle_caption", "flip_aug",
}  # fmt: skip
FAMILY_EXTRAS = {
    "pocket": {"sdpa", "sample_sampler"},
    "sd15": {"sdpa", "sample_sampler", "clip_skip", "no_half_vae", "gradient_checkpointing", "min_snr_gamma"},
    "sd2": {"sdpa", "sample_sampler", "clip_skip", "no_half_vae", "v2", "v_parameterization"},
    "sdxl": {"sdpa", "sample_sampler", "no_half_vae", "gradient_checkpointing", "cache_text_encoder_outputs"},
    "sd3": {"cache_text_encoder_outputs", "gradient_checkpointing", "clip_l", "clip_g", "t5xxl"},
    "flux": {
        "timestep_sampling", "discrete_flow_shift", "model_prediction_type", "guidance_scale", "model_type",
        "cache_text_encoder_outputs", "clip_l", "t5xxl", "ae",
    },
}  # fmt: skip
NO_EFFECT = {
    "pocket": {"clip_skip", "min_snr_gamma"},
    "sdxl": {"clip_skip"},
    "sd3": {"sdpa", "xformers", "clip_skip", "min_snr_gamma", "noise_offset", "max_token_length", "sample_sampler"},
    "flux": {"sdpa", "xformers", "clip_skip", "min_snr_gamma", "noise_offset", "max_token_length", "sample_sampler"},
}


def recipe(base: str, kind: str = "character", concepts: str = "  - image_dir: set\n") -> str:
    subject = f"subject: {{kind: {kind}, trigger: alicechar, class_tokens: girl}}"
    return f"recipe_version: 1\nname: alice\n{subject}\nbase_model: {base}\nconcepts:\n{concepts}"


@pytest.mark.parametrize("family", BASES)
@pytest.mark.parametrize("kind", ["character", "person", "style", "object", "concept"])
def test_nothing_is_left_to_the_trainers_defaults(plan_of: PlanOf, pictures: Pictures, family: str, kind: str) -> None:
    pictures("set", 20)
    plan = plan_of(recipe(BASES[family], kind))
    assert set(plan.train) >= ALWAYS | FAMILY_EXTRAS[family]
    assert set(plan.dataset_general) >= ALWAYS_DATASET
    assert not set(plan.train) & NO_EFFECT.get(family, set())
    assert not set(plan.train) & {"max_train_steps", "output_dir", "output_name", "logging_dir", "sample_prompts"}
    assert all(r.because.en and r.because.zh for r in (*plan.train.values(), *plan.dataset_general.values()))
    assert plan.subsets[0].caption_extension == ".txt"


@pytest.mark.parametrize("family", BASES)
def test_values_have_the_trainers_types(plan_of: PlanOf, pictures: Pictures, family: str) -> None:
    pictures("set", 20)
    train = {k: r.value for k, r in plan_of(recipe(BASES[family])).train.items()}
    for name in ("learning_rate", "unet_lr", "network_alpha", "max_grad_norm", "prior_loss_weight"):
        assert type(train[name]) is float, name
    for name in (
        "network_dim",
        "max_train_epochs",
        "lr_warmup_steps",
        "seed",
        "train_batch_size",
        "save_every_n_epochs",
    ):
        assert type(train[name]) is int, name
    assert [type(r) for r in train["text_encoder_lr"]] == [float] * FAMILIES[family].text_encoders  # type: ignore[index]
    width, height = train["resolution"].split(",")
    assert int(width) == int(height)


@pytest.mark.parametrize(
    ("family", "side"), [("pocket", 64), ("sd15", 512), ("sd2", 768), ("sdxl", 1024), ("sd3", 1024), ("flux", 1024)]
)
def test_size_of_the_family_and_buckets_around_it(plan_of: PlanOf, pictures: Pictures, family: str, side: int) -> None:
    pictures("set", 20, (side, side))
    general = {k: r.value for k, r in plan_of(recipe(BASES[family])).dataset_general.items()}
    assert general["resolution"] == [side, side]
    assert (general["min_bucket_reso"], general["max_bucket_reso"]) == (side // 2, side * 2)


def test_portrait_resolution(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    plan = plan_of("dataset: {resolution: [512, 768]}\n")
    assert plan.train["resolution"].value == "512,768"
    assert plan.dataset_general["resolution"].value == [512, 768]
    assert (plan.prompts[0].width, plan.prompts[0].height) == (512, 768)
    assert plan.dataset_general["max_bucket_reso"].value == 1536


def test_origin_of_each_value(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    plan = plan_of("train:\n  unet_lr: 1e-4\n", "network.network_dim=8")
    rate, rank, alpha = (plan.train[k] for k in ("unet_lr", "network_dim", "network_alpha"))
    assert (rate.value, rate.source, rate.key) == (1e-4, Source.RECIPE, "train.unet_lr")
    assert rate.where is not None
    assert (rate.where.line, rate.where.column) == (8, 12)
    assert (rank.value, rank.source) == (8, Source.COMMAND_LINE)
    assert (alpha.value, alpha.source) == (4.0, Source.DERIVED)
    assert plan.train["learning_rate"].value == 1e-4


def test_learning_rate_stands_in(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    plan = plan_of("train: {learning_rate: 5e-5}\n")
    assert plan.train["unet_lr"].value == 5e-5
    assert plan.train["text_encoder_lr"].value == [5e-5]


@pytest.mark.parametrize(
    ("family", "given", "rates", "unet_only"),
    [
        ("sd15", "1e-5", [1e-5], False), ("sd15", "0", [0.0], True), ("sdxl", "0", [0.0], True), ("sdxl", "2e-5", [2e-5], False),
        ("flux", "2e-5", [2e-5, 0.0], False), ("flux", "[2e-5, 1e-5]", [2e-5, 1e-5], False),
        ("sd3", "2e-5", [2e-5, 2e-5, 0.0], False), ("pocket", "3e-4", [3e-4], False),
    ],
)  # fmt: skip
def test_text_encoder_rates(
    plan_of: PlanOf, pictures: Pictures, family: str, given: str, rates: list[float], *, unet_only: bool
) -> None:
    pictures("set", 20)
    plan = plan_of(recipe(BASES[family]) + f"train: {{text_encoder_lr: {given}}}\n")
    assert plan.train["text_encoder_lr"].value == rates
    assert plan.train["network_train_unet_only"].value is unet_only


@pytest.mark.parametrize("family", ["sdxl", "sd3", "flux"])
def test_text_encoders_of_large_models_are_left_alone(plan_of: PlanOf, pictures: Pictures, family: str) -> None:
    pictures("set", 20)
    plan = plan_of(recipe(BASES[family]))
    assert not any(plan.train["text_encoder_lr"].value)
    assert plan.train["network_train_unet_only"].value is True
    assert plan.train["cache_text_encoder_outputs"].value is True


def test_wrong_number_of_text_encoder_rates(refused: Refused, pictures: Pictures) -> None:
    pictures("set", 20)
    assert "text-encoder-rates" in refused("train: {text_encoder_lr: [1e-5, 1e-5]}\n")


def test_unet_only_silences_the_text_encoder_and_says_so(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    plan = plan_of("train: {text_encoder_lr: 1e-5}\nnetwork: {network_train_unet_only: true}\n")
    assert plan.train["text_encoder_lr"].value == [0.0]
    assert [u.name for u in plan.unused] == ["text_encoder_lr"]


@pytest.mark.parametrize(("wanted", "is_refused"), [(5000, True), (40, True), (39, False), (1.0, True)])
def test_a_warmup_of_the_whole_run_is_refused(
    plan_of: PlanOf, refused: Refused, pictures: Pictures, wanted: float, *, is_refused: bool
) -> None:
    pictures("set", 20)
    body = "validate: {hold_out: 0}\nconcepts: [{image_dir: set, num_repeats: 2}]\n"
    head, _, _ = HEAD.partition("concepts:")
    train = f"train: {{max_train_epochs: 1, train_batch_size: 1, lr_scheduler: cosine, lr_warmup_steps: {wanted}}}\n"
    if is_refused:
        assert "40 steps" in refused(head + body + train)["warmup-too-long"].what.en
    else:
        assert plan_of(head + body + train).train["lr_warmup_steps"].value == wanted


@pytest.mark.parametrize("family", BASES)
def test_an_edit_is_refused_where_there_are_no_pairs(refused: Refused, pictures: Pictures, family: str) -> None:
    pictures("set", 60)
    head, _, rest = HEAD.partition("base_model:")
    body = f"{head.replace('character', 'edit')}base_model: {BASES[family]}\n{rest.partition(chr(10))[2]}"
    problem = refused(body)["no-edit-pairs"]
    assert family in problem.what.en
    assert "pairs" in str(problem.why)
    assert problem.fix is not None
    assert problem.where is not None
    assert problem.where.line == 3


@pytest.mark.parametrize(
    ("train", "steps"),
    [
        ("lr_scheduler: constant", 0), ("lr_scheduler: cosine, lr_warmup_steps: 33", 33),
        ("lr_scheduler: cosine, lr_warmup_steps: 0.1", 80), ("lr_scheduler: cosine", 40), ("optimizer_type: AdaFactor", 0),
        ("optimizer_type: Prodigy", 0), ("lr_scheduler: cosine, lr_warmup_steps: 0", 0), ("optimizer_type: AdamWScheduleFree", 0),
    ],
)  # fmt: skip
def test_warmup_is_written_as_whole_steps(plan_of: PlanOf, pictures: Pictures, train: str, steps: int) -> None:
    pictures("set", 20)
    body = f"validate: {{hold_out: 0}}\ntrain: {{target_steps: 800, {train}}}\n"
    plan = plan_of(body, "concepts[0].num_repeats=10")
    assert plan.steps.total_steps == 800
    assert plan.train["lr_warmup_steps"].value == steps
    assert type(plan.train["lr_warmup_steps"].value) is int


def test_warmup_without_a_schedule_is_refused(refused: Refused, pictures: Pictures) -> None:
    pictures("set", 20)
    problem = refused("train: {lr_scheduler: constant, lr_warmup_steps: 100}\n")["warmup-without-schedule"]
    assert problem.where is not None
    assert problem.where.line == 7


def test_warmup_is_multiplied_for_several_processes(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    plan = plan_of("train: {num_processes: 2, lr_scheduler: cosine, lr_warmup_steps: 30}\n")
    assert plan.train["lr_warmup_steps"].value == 60


def test_optimizers_that_find_their_rate_get_one(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    train = plan_of("train: {optimizer_type: Prodigy}\n").train
    assert (train["unet_lr"].value, train["learning_rate"].value, train["text_encoder_lr"].value) == (1.0, 1.0, [1.0])


def test_adafactor_keeps_the_rates(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    train = plan_of("train: {optimizer_type: AdaFactor}\n").train
    assert "relative_step=False" in train["optimizer_args"].value
    assert train["lr_scheduler"].value == "constant"


def test_arguments_become_the_trainers_lists(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    body = "train: {optimizer_args: {weight_decay: 0.1, betas: [0.9, 0.99], decouple: true}}\nnetwork: {network_args: {conv_dim: 8}}\n"
    train = plan_of(body).train
    assert train["optimizer_args"].value == ["weight_decay=0.1", "betas=(0.9, 0.99)", "decouple=True"]
    assert train["network_args"].value == ["conv_dim=8"]


@pytest.mark.parametrize(
    ("caption", "shuffled"),
    [
        ("alicechar, girl, red hair, smile, hat, indoors", True),
        ("alicechar, a girl with red hair who smiles at the camera", False),
    ],
)
def test_only_tag_lists_are_shuffled(plan_of: PlanOf, pictures: Pictures, caption: str, *, shuffled: bool) -> None:
    pictures("set", 20, caption=caption)
    general = plan_of(recipe(BASES["sdxl"])).dataset_general
    assert general["shuffle_caption"].value is shuffled
    if shuffled:
        assert general["keep_tokens"].value == 1


def test_tags_are_not_shuffled_where_their_encoding_is_cached(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20, caption="alicechar, girl, red hair, smile, hat, indoors")
    plan = plan_of(recipe(BASES["sdxl"]) + "train: {cache_text_encoder_outputs: true}\n")
    assert plan.dataset_general["shuffle_caption"].value is False
    flux = plan_of(recipe(BASES["flux"]))
    assert flux.dataset_general["shuffle_caption"].value is False
    assert flux.train["cache_text_encoder_outputs"].value is True


def test_long_captions_get_more_tokens(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    assert "max_token_length" not in plan_of().train
    pictures("set", 1, caption="alicechar, " + "word " * 90)
    assert plan_of().train["max_token_length"].value == 225


def test_flux_is_told_what_its_defaults_get_wrong(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    train = {k: r.value for k, r in plan_of(recipe(BASES["flux"])).train.items()}
    assert (train["timestep_sampling"], train["discrete_flow_shift"]) == ("shift", 3.1582)
    assert (train["model_prediction_type"], train["guidance_scale"]) == ("raw", 1.0)
    chroma = BASES["flux"].replace("clip_l: l", "model_type: chroma")
    train = {k: r.value for k, r in plan_of(recipe(chroma)).train.items()}
    assert (train["timestep_sampling"], train["guidance_scale"], train["apply_t5_attn_mask"]) == ("sigmoid", 0.0, True)
    assert "discrete_flow_shift" not in train


def test_huber_of_a_flow_model_gets_a_schedule_that_works(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    train = plan_of(recipe(BASES["sd3"]) + "trainer_args: {loss_type: huber}\n").train
    assert (train["loss_type"].value, train["huber_schedule"].value) == ("huber", "constant")


def test_workers_only_without_cached_latents(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    train = plan_of("validate: {hold_out: 0}\ndataset: {color_aug: true}\n").train
    assert train["cache_latents"].value is False
    assert (train["max_data_loader_n_workers"].value, train["persistent_data_loader_workers"].value) == (2, True)


def test_trainer_args_override_what_was_derived(plan_of: PlanOf, pictures: Pictures) -> None:
    pictures("set", 20)
    train = plan_of("trainer_args: {prior_loss_weight: 0.5, v_pred_like_loss: 0.1}\n").train
    assert (train["prior_loss_weight"].value, train["prior_loss_weight"].source) == (0.5, Source.RECIPE)
    assert train["prior_loss_weight"].key == "trainer_args.prior_loss_weight"
    assert train["v_pred_like_loss"].value == 0.1


@pytest.mark.parametrize("name", ["validation_split", "max_validation_steps", "train_data_dir", "dataset_config"])
def test_trainer_args_cannot_undo_the_plan(refused: Refused, pictures: Pictures, name: str) -> None:
    pictures("set", 20)
    (problem,) = refused(f"trainer_args: {{{name}: 1}}\n").values()
    assert name in problem.what.en


@pytest.mark.parametrize("missing", ["clip_l", "t5xxl", "ae"])
def test_missing_model_files_are_refused(refused: Refused, pictures: Pictures, missing: str) -> None:
    pictures("set", 20)
    base = ", ".join(p for p in BASES["flux"].strip("{}").split(", ") if not p.startswith(f"{missing}:"))
    assert missing in refused(recipe("{" + base + "}"))["missing-model-file"].what.en


@pytest.mark.parametrize(
    ("base", "missing"),
    [
        ("sd3_medium.safetensors", ["clip_l", "clip_g", "t5xxl"]),
        ("sd3_medium_incl_clips.safetensors", ["t5xxl"]),
        ("sd3_medium_incl_clips_t5xxlfp16.safetensors", []),
    ],
)
def test_an_sd3_checkpoint_may_hold_its_text_encoders(tmp_path: Path, base: str, missing: list[str]) -> None:
    text = HEAD.replace(
        "family: sd15, pretrained_model_name_or_path: base.safetensors",
        f"family: sd3, pretrained_model_name_or_path: {base}",
    )
    _, problems = sketch_plan(load_recipe(tmp_path / "recipe.yaml", text=text))
    assert [p.what.en for p in problems] == [f"sd3 needs `base_model.{name}`" for name in missing]


def test_chroma_needs_no_clip_l(tmp_path: Path) -> None:
    text = HEAD.replace("family: sd15", "family: flux, model_type: chroma, t5xxl: t.safetensors, ae: a.safetensors")
    _, problems = sketch_plan(load_recipe(tmp_path / "recipe.yaml", text=text))
    assert problems == ()


def test_all_problems_are_told_at_once(refused: Refused, pictures: Pictures, tmp_path: Path) -> None:
    folder = pictures("set", 20)
    (folder / "003.png").write_bytes(b"")
    (folder / "004.txt").write_bytes("初".encode("gbk"))
    (tmp_path / "void").mkdir()
    problems = refused(recipe("{family: sd15}", concepts="  - image_dir: set\n  - image_dir: void\n"))
    assert set(problems) == {"broken-picture", "broken-caption", "no-pictures", "missing-model-file"}
    assert str(folder / "003.png") in problems["broken-picture"].what.en


def test_bucket_step_of_another_family(refused: Refused, pictures: Pictures) -> None:
    pictures("set", 20)
    problem = refused("dataset: {bucket_reso_steps: 32}\n")["bucket-step"]
    assert problem.fix is not None
    assert "64" in problem.fix.en


@pytest.mark.parametrize(("key", "value"), [("min_bucket_reso", 1024), ("max_bucket_reso", 256)])
def test_bucket_limits_are_refused_with_their_line(refused: Refused, pictures: Pictures, key: str, value: int) -> None:
    pictures("set", 20)
    problem = refused(f"dataset:\n  {key}: {value}\n")[key.replace("_", "-")]
    assert problem.where is not None
    assert problem.where.line == 8


@pytest.mark.parametrize(
    ("options", "line", "fix"),
    [
        ("resolution: 1", 8, "write 512"),
        ("resolution: [512, 8]", 8, "write 512"),
        ("enable_bucket: false\n  resolution: 8", 9, "write 512"),
        ("bucket_reso_steps: 640", 8, "write 640"),
        ("resolution: 576\n  bucket_reso_steps: 640", 8, "write 640"),
    ],
)
def test_a_size_without_any_bucket_is_blamed_itself(
    refused: Refused, pictures: Pictures, options: str, line: int, fix: str
) -> None:
    pictures("set", 20)
    problems = refused(f"dataset:\n  {options}\n")
    assert set(problems) == {"resolution-too-small"}
    problem = problems["resolution-too-small"]
    assert problem.where is not None
    assert problem.fix is not None
    assert problem.where.line == line
    assert problem.fix.en.startswith(fix)


def test_nested_folders_are_told_with_the_fix(refused: Refused, pictures: Pictures, tmp_path: Path) -> None:
    pictures("set/inner", 3)
    problem = refused()["no-pictures"]
    assert problem.fix is not None
    assert str(tmp_path / "set" / "inner") in problem.fix.en


def test_paths_are_absolute_and_hub_ids_stay(plan_of: PlanOf, pictures: Pictures, tmp_path: Path) -> None:
    pictures("set", 20)
    assert plan_of().train["pretrained_model_name_or_path"].value == str(tmp_path / "base.safetensors")
    hub = plan_of(recipe("{family: sd15, pretrained_model_name_or_path: some/model}"))
    assert hub.train["pretrained_model_name_or_path"].value == "some/model"
    (tmp_path / "some" / "model").mkdir(parents=True)
    local = plan_of(recipe("{family: sd15, pretrained_model_name_or_path: some/model}"))
    assert local.train["pretrained_model_name_or_path"].value == str(tmp_path / "some" / "model")


def test_files_under_trainer_args_start_at_the_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, elsewhere = tmp_path / "own", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    (elsewhere / "good.safetensors").write_bytes(b"")
    parent = elsewhere / "parent.yaml"
    parent.write_text("trainer_args: {base_weights: [good.safetensors, ~/other.pt, /abs.pt], huber_c: 0.1}\n")
    path = tmp_path / "recipe.yaml"
    path.write_text("extends: elsewhere/parent.yaml\n" + recipe(BASES["sd15"]))
    monkeypatch.chdir(home)
    loaded = load_recipe(path)
    files = [str(elsewhere / "good.safetensors"), str(Path.home() / "other.pt"), "/abs.pt"]
    assert trainer_arg(loaded, "base_weights") == files
    assert trainer_arg(loaded, "huber_c") == 0.1
    assert sketch_plan(loaded)[0].train["base_weights"].value == files
    again = load_recipe(path, text=dump_resolved(loaded))  # the run's own copy has lost where the parent lay
    assert trainer_arg(again, "base_weights") == files


@pytest.mark.parametrize(
    ("vae", "is_fetched"),
    [("stabilityai/sd-vae-ft-mse", True), ("vae/mine.safetensors", False), ("./vae/mine", False), ("mine", False)],
)
def test_a_vae_may_be_a_name_at_hugging_face(tmp_path: Path, vae: str, *, is_fetched: bool) -> None:
    path = tmp_path / "recipe.yaml"
    path.write_text(recipe(f"{{family: sdxl, pretrained_model_name_or_path: m/base.safetensors, vae: {vae}}}"))
    planned = sketch_plan(load_recipe(path))[0].train["vae"].value
    assert planned == (vae if is_fetched else str((tmp_path / vae).absolute()))
    codes = {problem.code for problem in missing_files(sketch_plan(load_recipe(path))[0]) if "`vae`" in problem.what.en}
    assert codes == {"model-from-the-network" if is_fetched else "model-file"}
