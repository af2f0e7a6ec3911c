"""SmilingWolf's WD taggers (`wd-*-tagger-v3` and the older `wd-v1-4-*`): one ONNX file and `selected_tags.csv`.

Input (batch, side, side, 3), float32 0 ... 255, blue first, padded to a white square; output (batch, tags), probabilities in the order of the
table. Categories: 0 general, 4 character, 9 rating. As in the author's own demo and in sd-scripts' `finetune/tag_images_by_wd14_tagger.py`,
but each tag by its row of the table, where sd-scripts counts from the fifth one.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from orchestrator.core.errors import InputError
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text
from orchestrator.dataset.caption_models.captioner import Described
from orchestrator.dataset.caption_models.existing import compared
from orchestrator.dataset.caption_models.files import HubModel, find_files
from orchestrator.dataset.caption_models.session import Device, device_of, open_session, unfit
from orchestrator.dataset.caption_models.view import on_white_square

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

DEFAULT: Final = HubModel("SmilingWolf/wd-swinv2-tagger-v3", "v2.0")
"""Its author asks to take tagged releases; not checked against the Hub (docs/log.md, 2026-11-29). The commit that was taken is told."""
MODEL_FILE, TABLE_FILE = "model.onnx", "selected_tags.csv"
GENERAL, CHARACTER, RATING = 0, 4, 9
GENERAL_ABOVE, CHARACTER_ABOVE = 0.35, 0.85
"""The defaults of the author's demo."""
_FACES = frozenset(
    "0_0 (o)_(o) +_+ +_- ._. <o>_<o> <|>_<|> =_= >_< 3_3 6_9 >_o @_@ ^_^ o_o u_u x_x |_| ||_||".split()  # noqa: SIM905
)
"""Tags whose underscore is a part of a face, from the author's demo."""
_SHORT = 3
"""sd-scripts leaves shorter tags and these alone: `;_;`."""
_FETCH_AGAIN = Text(
    "take a WD tagger: `model.onnx` and `selected_tags.csv` of one release", "请使用 WD 标注模型：同一版本的 `model.onnx` 和 `selected_tags.csv`"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class TaggerOptions:
    """What of the model's tags is taken."""

    general_above: float = GENERAL_ABOVE
    character_above: float = CHARACTER_ABOVE
    """Above 1: none."""
    blacklist: tuple[str, ...] = ()
    """Tags that are never written, in any spelling of case and underscores."""
    with_rating: bool = False
    """Also the likeliest of general, sensitive, questionable, explicit, at the end."""
    keep_underscores: bool = False


@dataclass(frozen=True, slots=True)
class TagTable:
    """The rows of `selected_tags.csv`, in the order of the model's outputs."""

    names: tuple[str, ...]
    """As written."""
    categories: tuple[int, ...]


def read_table(path: Path) -> TagTable:
    """Return the tags of a model. Raises InputError for what is no such table."""
    names, categories = [], []
    try:
        with path.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                names.append(row["name"])
                categories.append(int(row["category"]))
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise InputError([_no_table(path, error)]) from error
    return TagTable(tuple(names), tuple(categories))


def written(tag: str) -> str:
    """Return a tag with blanks for underscores; faces stay."""
    return tag if tag in _FACES or len(tag) <= _SHORT else tag.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Tagger:
    """A WD tagger that is open."""

    name: str
    session: Any
    table: TagTable
    options: TaggerOptions
    side_px: int
    batch_limit: int | None
    _banned: frozenset[str] = field(repr=False)

    @property
    def device(self) -> str:
        """`cpu` or `cuda`."""
        return device_of(self.session)

    @property
    def settings(self) -> dict[str, object]:
        """What decides about the captions."""
        one = self.options
        return {
            "general_above": one.general_above, "character_above": one.character_above, "blacklist": sorted(self._banned),
            "with_rating": one.with_rating, "keep_underscores": one.keep_underscores,
        }  # fmt: skip

    def see(self, path: Path) -> NDArray[np.float32]:
        """Return (side, side, 3), blue first, 0 ... 255."""
        import numpy as np

        return np.asarray(on_white_square(path, self.side_px), dtype=np.float32)[:, :, ::-1]

    def describe(self, pictures: Sequence[NDArray[np.float32]]) -> list[Described]:
        """Return the tags of each picture, surest first."""
        import numpy as np

        batch = np.stack(pictures)
        missing = (self.batch_limit or len(batch)) - len(batch)
        if missing > 0:
            batch = np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), np.float32)])
        source = self.session.get_inputs()[0].name
        found = np.asarray(self.session.run(None, {source: np.ascontiguousarray(batch)})[0], dtype=np.float32)
        if found.ndim != 2 or found.shape[1] != len(self.table.names):
            raise unfit(self.name, *_other_number(found.shape, len(self.table.names)), _FETCH_AGAIN)
        found = found[: len(pictures)]
        # Rounding may put a probability a hair outside.
        if not np.isfinite(found).all() or found.min() < -1e-3 or found.max() > 1 + 1e-3:
            raise InputError([_no_probabilities(self.name)])
        return [self._chosen(row) for row in found]

    def _chosen(self, row: NDArray[np.float32]) -> Described:
        import numpy as np

        categories = np.array(self.table.categories)
        limits = np.full(len(row), np.inf, np.float32)
        limits[categories == GENERAL] = self.options.general_above
        limits[categories == CHARACTER] = self.options.character_above
        places = np.flatnonzero(row >= limits)
        # Equal ones in the table's order, so that a caption never depends on how numpy sorts.
        order = [int(k) for k in places[np.argsort(-row[places], kind="stable")]]
        ratings = np.flatnonzero(categories == RATING)
        if self.options.with_rating and len(ratings):
            order.append(int(ratings[row[ratings].argmax()]))
        kept = [
            k for k in order if _is_writable(self.table.names[k]) and compared(self.table.names[k]) not in self._banned
        ]
        spelled = [self.table.names[k] if self.options.keep_underscores else written(self.table.names[k]) for k in kept]
        return Described(tuple(spelled), tuple(float(row[k]) for k in kept))


def _is_writable(tag: str) -> bool:
    """A few faces hold a comma: as captions they would be two tags."""
    return bool(tag.strip()) and "," not in tag and "\n" not in tag


def open_tagger(
    model: Path | HubModel = DEFAULT,
    options: TaggerOptions | None = None,
    *,
    download: bool = False,
    device: Device = "auto",
) -> Tagger:
    """Return the tagger, its files checked against each other.

    Raises InputError where they are not those of a WD tagger, EnvironmentFault where they or a package are missing.
    """
    options = options or TaggerOptions()
    files = find_files(model, (MODEL_FILE, TABLE_FILE), download=download)
    table = read_table(files.paths[TABLE_FILE])
    path = files.paths[MODEL_FILE]
    session = open_session(path, device)
    batch, side = _input_shape(path, session)
    outputs = session.get_outputs()[0].shape
    count = outputs[-1] if outputs else None
    if len(outputs) != 2 or (isinstance(count, int) and count != len(table.names)):
        raise unfit(path.name, *_other_number(outputs, len(table.names)), _FETCH_AGAIN)
    banned = frozenset(compared(tag) for tag in options.blacklist)
    return Tagger(files.name, session, table, options, side, batch, banned)


def _input_shape(path: Path, session: Any) -> tuple[int | None, int]:
    """Return how many pictures at once (None: any) and their side in pixels."""
    inputs = session.get_inputs()
    shape = inputs[0].shape if inputs else []
    is_fit = len(inputs) == 1 and len(shape) == 4 and shape[3] == 3 and inputs[0].type == "tensor(float)"
    if not is_fit or not isinstance(shape[1], int) or shape[1] != shape[2]:
        raise unfit(
            path.name,
            f"its input is {tuple(shape)}, not (batch, side, side, 3)",
            f"其输入是 {tuple(shape)}，而不是 (批, 边长, 边长, 3)",
            _FETCH_AGAIN,
        )
    return (shape[0] if isinstance(shape[0], int) else None), shape[1]


def _other_number(shape: Sequence[object], tags: int) -> tuple[str, str]:
    size = "(" + ", ".join(map(str, shape)) + ")"
    return (
        f"its output {size} does not fit the {tags} tags of `{TABLE_FILE}`",
        f"其输出 {size} 与 `{TABLE_FILE}` 的 {tags} 个标签不符",
    )


def _no_table(path: Path, error: Exception) -> Problem:
    reason = f"{type(error).__name__}: {error}"
    return Problem(
        "tag-table-unreadable",
        Text(f"`{path.name}` is no table of tags ({reason})", f"`{path.name}` 不是标签表（{reason}）"),
        Text("it needs the columns `name` and `category`", "需要 `name` 和 `category` 两列"),
        _FETCH_AGAIN,
    )


def _no_probabilities(name: str) -> Problem:
    return Problem(
        "model-unfit",
        Text(f"{name} does not answer with probabilities", f"{name} 的输出不是概率"),
        Text("a threshold would mean nothing: no caption of this batch was written", "阈值失去意义：这一批没有写入任何标注"),
        _FETCH_AGAIN,
    )  # fmt: skip
