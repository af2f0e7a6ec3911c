"""Pictures, repeats, regularisation and validation parts."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

pytest.importorskip("torch", reason="the pocket extra is not installed")

from orchestrator.backends.pocket.trainer.arguments import ConfigurationError
from orchestrator.backends.pocket.trainer.blueprint import DatasetPlan, Subset
from orchestrator.backends.pocket.trainer.dataset import PictureDataset
from orchestrator.backends.pocket.trainer.pictures import split_for


def subset(folder: Path, repeats: int, *, is_reg: bool = False, flip: bool = False) -> Subset:
    return Subset(
        image_dir=str(folder), num_repeats=repeats, class_tokens="thing", is_reg=is_reg, caption_extension=".txt",
        caption_separator=",", caption_prefix=None, caption_suffix=None, shuffle_caption=False, keep_tokens=0,
        keep_tokens_separator="", caption_dropout_rate=0.0, caption_dropout_every_n_epochs=0,
        caption_tag_dropout_rate=0.0, flip_aug=flip,
    )  # fmt: skip


def plan(*subsets: Subset, batch_size: int = 2, bucket: bool = False, split: float = 0.0) -> DatasetPlan:
    return DatasetPlan(
        width=64, height=64, batch_size=batch_size, enable_bucket=bucket, min_bucket_reso=32, max_bucket_reso=128,
        bucket_reso_steps=16, bucket_no_upscale=False, validation_split=split, validation_seed=3, subsets=subsets,
    )  # fmt: skip


def made(dataset_plan: DatasetPlan, *, is_training: bool = True) -> PictureDataset:
    dataset = PictureDataset(dataset_plan, is_training=is_training, prior_loss_weight=0.5)
    dataset.make_buckets()
    return dataset


def draw(folder: Path, sizes: list[tuple[int, int]]) -> Path:
    folder.mkdir(parents=True)
    for number, size in enumerate(sizes):
        Image.new("RGB", size, (10 * number, 90, 90)).save(folder / f"{number:02d}.png")
        (folder / f"{number:02d}.txt").write_text(f"caption {number}", encoding="utf-8")
    return folder


@pytest.mark.parametrize(("batch_size", "batches"), [(1, 18), (2, 9), (4, 5), (32, 1)])
def test_six_pictures_times_three(tmp_path: Path, batch_size: int, batches: int) -> None:
    dataset = made(plan(subset(draw(tmp_path / "a", [(64, 64)] * 6), 3), batch_size=batch_size))
    assert len(dataset) == batches


def test_each_bucket_rounds_up_on_its_own(tmp_path: Path) -> None:
    folder = draw(tmp_path / "a", [(64, 64)] * 3 + [(200, 120)] * 3)
    assert len(made(plan(subset(folder, 1), bucket=True))) == 4
    assert len(made(plan(subset(folder, 1), bucket=False))) == 3


def test_a_batch_has_one_size_and_all_pictures_come_once_per_repeat(tmp_path: Path) -> None:
    folder = draw(tmp_path / "a", [(64, 64)] * 3 + [(200, 120)] * 3)
    dataset = made(plan(subset(folder, 2), bucket=True))
    dataset.set_epoch(1)
    batches = [dataset[index] for index in range(len(dataset))]
    assert {tuple(batch["images"].shape[2:]) for batch in batches if batch["images"] is not None} == {
        (64, 64),
        (48, 80),
    }
    assert set(Counter(caption for batch in batches for caption in batch["captions"]).values()) == {2}


def test_the_order_depends_on_seed_and_epoch_alone(tmp_path: Path) -> None:
    folder = draw(tmp_path / "a", [(64, 64)] * 6)
    orders = []
    for seed in (5, 5, 6):
        dataset = made(plan(subset(folder, 2)))
        dataset.seed = seed
        dataset.set_epoch(2)
        orders.append([dataset[index]["captions"] for index in range(len(dataset))])
    assert orders[0] == orders[1]
    assert orders[0] != orders[2]


def test_an_epoch_that_is_begun_with_has_the_order_it_has_after_those_before_it(tmp_path: Path) -> None:
    folder = draw(tmp_path / "a", [(64, 64)] * 3 + [(200, 120)] * 3)
    orders = []
    for epochs in ((1, 2, 3), (3,), (2, 2, 3)):
        dataset = made(plan(subset(folder, 2), bucket=True))
        dataset.seed = 5
        for epoch in epochs:
            dataset.set_epoch(epoch)
        orders.append([dataset[index]["captions"] for index in range(len(dataset))])
    assert orders[0] == orders[1] == orders[2]


def test_regularisation_pictures_match_the_number_of_training_pictures(tmp_path: Path) -> None:
    train, reg = draw(tmp_path / "a", [(64, 64)] * 6), draw(tmp_path / "r", [(64, 64)] * 2)
    dataset = made(plan(subset(train, 3), subset(reg, 1, is_reg=True)))
    assert (dataset.num_train_images, dataset.num_reg_images) == (18, 2)
    assert sum(len(indexes) for indexes in dataset.bucket_manager.buckets) == 36
    assert len(dataset) == 18
    weights = [w for index in range(len(dataset)) for w in dataset[index]["loss_weights"].tolist()]
    assert sorted(set(weights)) == [0.5, 1.0]


def test_many_repeats_use_only_the_first_regularisation_pictures(tmp_path: Path) -> None:
    train, reg = draw(tmp_path / "a", [(64, 64)] * 6), draw(tmp_path / "r", [(64, 64)] * 2)
    dataset = made(plan(subset(train, 3), subset(reg, 50, is_reg=True)))
    names = [picture.path.name for picture in dataset.pictures if picture.subset.is_reg]
    assert names == ["00.png"]


def test_a_seeded_split_does_not_leak_and_an_unseeded_one_does() -> None:
    paths = [Path(f"{number}.png") for number in range(20)]
    train, held = (set(split_for(paths, 0.2, 7, is_training=part)) for part in (True, False))
    assert (len(train), len(held)) == (16, 4)
    assert not train & held
    random.seed(0)
    train, held = (set(split_for(paths, 0.2, None, is_training=part)) for part in (True, False))
    assert train & held


def test_validation_pictures_are_not_repeated(tmp_path: Path) -> None:
    folder = draw(tmp_path / "a", [(64, 64)] * 10)
    dataset_plan = plan(subset(folder, 5), split=0.2)
    assert made(dataset_plan).num_train_images == 40
    assert made(dataset_plan, is_training=False).num_train_images == 2


def test_a_flipped_picture_is_a_mirror_image(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    picture = Image.new("RGB", (64, 64))
    picture.paste((255, 255, 255), (0, 0, 8, 64))
    picture.save(folder / "x.png")
    dataset = made(plan(subset(folder, 40, flip=True), batch_size=40))
    dataset.set_epoch(1)
    images = dataset[0]["images"]
    assert images is not None
    assert {bool(image[0, 0, 0] > 0) for image in images} == {True, False}


def test_a_broken_picture_is_named(tmp_path: Path) -> None:
    folder = draw(tmp_path / "a", [(64, 64)])
    (folder / "broken.png").write_bytes(b"not a picture")
    with pytest.raises(ConfigurationError, match=r"broken\.png"):
        made(plan(subset(folder, 1)))
