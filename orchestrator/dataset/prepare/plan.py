"""All steps in order, up to the writing: look at a folder, decide about each picture, name its files."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text, plural
from orchestrator.dataset.below import scan_below
from orchestrator.dataset.looked import look_and_keep
from orchestrator.dataset.new_folder import check_free
from orchestrator.dataset.prepare.balance import give_repeats
from orchestrator.dataset.prepare.captions import take_captions
from orchestrator.dataset.prepare.copies import drop_copies, drop_equal_pairs
from orchestrator.dataset.prepare.fit import fit_to_shapes
from orchestrator.dataset.prepare.model import Draft, Exposure, Prepared
from orchestrator.dataset.prepare.names import name_files, name_folders
from orchestrator.dataset.prepare.pixels import note_changes
from orchestrator.dataset.prepare.shots import UNNAMED
from orchestrator.dataset.prepare.tiles import cut_into_tiles
from orchestrator.dataset.prepare.usable import leave_out_unusable, whole_pairs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path, PurePosixPath

    from orchestrator.dataset.layout import Role
    from orchestrator.dataset.model import Dataset
    from orchestrator.dataset.prepare.model import Bucket, PrepareOptions, Size

    Progress = Callable[[int, int], None]
    """Is told (done, in all)."""


def decide(
    root: Path,
    folder: Path,
    options: PrepareOptions,
    *,
    shapes: Sequence[Size] = (),
    keep: bool = True,
    progress: Progress | None = None,
) -> Prepared:
    """Decide what becomes of each picture in `root`, or in the folders below it; `write_folder` does it. Writes nothing.

    `folder`: the one to be made, which must be new or empty. `shapes`: what the trainer knows, for `options.fit`. `keep`: use and fill the
    cache of measures. Where pictures of a person are to be cut, faces are looked for, if there is something to find them with. Raises InputError
    and EnvironmentFault.
    """
    check_free(folder)
    if folder.resolve().is_relative_to(root.resolve()):
        raise InputError([_inside(root, folder)])
    dataset, trouble = look_and_keep(
        _scanned(root, options), keep=keep, progress=progress, with_faces=options.minds_faces
    )
    return _decide(dataset, root, folder, options, shapes, trouble)


def _scanned(root: Path, options: PrepareOptions) -> Dataset:
    dataset = scan_below(root)
    if not any(folder.pictures for folder in dataset.folders):
        raise InputError([_no_pictures(root)])
    trained = [folder.image_dir.name for folder in dataset.folders if folder.role == "train"]
    if options.concept is not None and len(trained) > 1:
        raise InputError([_several_concepts(trained)])
    return dataset


def _decide(
    dataset: Dataset,
    root: Path,
    folder: Path,
    options: PrepareOptions,
    shapes: Sequence[Size],
    trouble: Text | None,
) -> Prepared:
    drafts = _drafts(dataset)
    notes = [*_apart(drafts, options), *_beside(dataset)]
    leave_out_unusable(drafts)
    pairs = whole_pairs(drafts, dataset.pairs)
    if not options.keep_copies and dataset.looked is not None:
        paired = {half.path for pair in pairs for half in pair}
        notes += drop_copies(drafts, dataset.looked.groups or (), paired)
        drop_equal_pairs(pairs)
        pairs = tuple(pair for pair in pairs if not pair[0].is_left_out)
    note_changes(drafts)
    buckets: tuple[Bucket, ...] = ()
    lost = 0.0
    if options.tiles is not None:
        cut_into_tiles(pairs, options.tiles)
    elif options.fit != "none":
        buckets, lost = fit_to_shapes(drafts, pairs, shapes, options)
    take_captions(drafts)
    give_repeats(drafts, pairs, options)
    folders = name_folders(drafts, root, options)
    name_files(drafts, folders)
    not_taken = tuple(path for one in dataset.folders for path in one.ignored)
    return Prepared(
        root,
        folder,
        options,
        tuple(drafts),
        buckets,
        lost,
        _exposures(drafts, folders),
        not_taken,
        tuple(notes),
        trouble=trouble,
    )


def _drafts(dataset: Dataset) -> list[Draft]:
    assert dataset.looked is not None  # noqa: S101  it was looked at just now
    return [
        Draft(picture, dataset.looked.facts[picture.path], folder.image_dir, folder.caption_extension, role=folder.role)
        for folder in dataset.folders
        for picture in folder.pictures
    ]


def _exposures(drafts: Sequence[Draft], folders: Mapping[tuple[Path, int], PurePosixPath]) -> tuple[Exposure, ...]:
    """Return how often each kind of shot is shown, for sets whose kinds were balanced."""
    counts = Counter(
        (str(folders[draft.root, draft.repeats]), draft.shot, draft.repeats)
        for draft in drafts
        if not draft.is_left_out and draft.shot is not None
    )
    rows = [Exposure(folder, shot, number, repeats) for (folder, shot, repeats), number in counts.items()]
    return tuple(sorted(rows, key=lambda row: (row.shot == UNNAMED, row.shot, row.folder)))


def _apart(drafts: Sequence[Draft], options: PrepareOptions) -> list[Text]:
    """Tell what is not trained on, by the names of its folders."""
    counts = Counter(draft.role for draft in drafts)
    words: dict[Role, Text] = {
        "regularisation": Text("regularisation pictures", "正则图片"),
        "validation": Text("held-out pictures", "留出图片"),
    }
    goes = Text(", and left out where a copy is trained on", "；若有副本参与训练则不带入")
    more = Text("", "") if options.keep_copies else goes
    return [
        Text(
            f"by the names of their folders {counts[role]} are {word.en}: not balanced{more.en}",
            f"按文件夹名，{counts[role]} 张是{word.zh}：不做均衡{more.zh}",
        )
        for role, word in words.items()
        if counts[role]
    ]


def _beside(dataset: Dataset) -> list[Text]:
    """Tell what lies beside the pictures and is not taken."""
    notes = []
    nested = sum(number for folder in dataset.folders for _, number in folder.nested)
    if nested:
        notes.append(Text(
            f"not taken, in folders below: {plural(nested, 'picture', 'pictures')}; prepare those folders by themselves",
            f"下级文件夹中的 {nested} 张图片未处理；请单独准备这些文件夹",
        ))  # fmt: skip
    orphans = sum(len(folder.orphan_captions) for folder in dataset.folders)
    if orphans:
        notes.append(Text(
            f"not taken: {plural(orphans, 'caption', 'captions')} without a picture",
            f"没有对应图片的标注 {orphans} 个，未带入",
        ))  # fmt: skip
    return notes


def _inside(root: Path, folder: Path) -> Problem:
    return Problem(
        "output-inside-input",
        Text(f"`{folder}` lies in `{root}`", f"`{folder}` 位于 `{root}` 之内"),
        Text("nothing is written into the folder of the originals", "不会向原图所在文件夹写入任何内容"),
        Text("name a folder beside it", "请指定与其并列的文件夹"),
    )


def _no_pictures(root: Path) -> Problem:
    return Problem(
        "no-pictures",
        Text(f"`{root}` holds no pictures that the trainer takes", f"`{root}` 中没有训练器可用的图片"),
        Text(
            "the trainer takes .png, .jpg, .jpeg, .webp and .bmp, all lower or all upper case",
            "训练器接受 .png、.jpg、.jpeg、.webp 与 .bmp，扩展名须全小写或全大写",
        ),
        Text("name the folder with the pictures", "请指定存放图片的文件夹"),
    )


def _several_concepts(names: Sequence[str]) -> Problem:
    listed = ", ".join(f"`{name}`" for name in names[:4])
    return Problem(
        "concept-for-several-folders",
        Text(
            f"`--concept` names one concept, and there are {len(names)}: {listed}",
            f"`--concept` 只指一个概念，而这里有 {len(names)} 个：{listed}",
        ),
        fix=Text("prepare each folder by itself, or leave `--concept` out", "请逐个准备各文件夹，或去掉 `--concept`"),
    )
