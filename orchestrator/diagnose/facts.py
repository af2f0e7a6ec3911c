"""What rules ask about a case, asked in one place: options as the trainer saw them, series, files."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from orchestrator.core.number_text import short_number
from orchestrator.core.text import Text, same
from orchestrator.diagnose.bounded import bounded_number, bounded_series, bounded_telemetry

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from orchestrator.core.finding import Location
    from orchestrator.core.observation import Checkpoint, LogEvent, Series
    from orchestrator.core.telemetry import Telemetry
    from orchestrator.dataset.model import Folder
    from orchestrator.diagnose.rule import Case
    from orchestrator.plan.model import Resolved

RAW_LOSS = "loss/current"
"""The only trustworthy raw series: one value per optimizer step."""
FLOW_FAMILIES = ("flux", "sd3", "lumina2", "hunyuan-image", "anima", "qwen-image", "qwen-image-edit")
"""Families that learn a flow instead of noise: their loss has another scale."""
ADAPTIVE_OPTIMIZERS = ("prodigy", "dadapt")
"""Optimizers that find their own step size; a learning rate is only a factor on it."""
BAND_ROUNDING = 0.10
"""Share by which whole epochs may miss an edge of the band of exposures."""
WHOLE = 0.9
"""Share of the planned steps from which on a record speaks for the whole run: the last probe lies somewhat before the end."""
LONGER_AT_BAND = Text(
    "For a longer run add pictures, or widen `train.exposures_per_image`: its upper end decides here, `train.target_steps` does not.",
    "若要更长的训练，请增加图片，或放宽 `train.exposures_per_image`：此处由其上限决定步数，而非 `train.target_steps`。",
)
"""How a run gets longer that the band keeps short; said by every rule that looks at the length."""

NO_DATASET = Text("The pictures were not looked at.", "没有查看图片。")
NO_RUN = Text("There is no run to look at.", "没有可查看的训练。")


def resolved(case: Case, key: str) -> Resolved | None:
    """Return the plan's decision about an option of the trainer, train TOML first, then data set TOML."""
    if case.plan is None:
        return None
    return case.plan.train.get(key) or case.plan.dataset_general.get(key)


def setting(case: Case, key: str, default: Any = None) -> Any:
    """Return an option by the trainer's own name, without a plan the recipe's own `trainer_args`; `default` where nothing is known."""
    if key in case.settings:
        return case.settings[key]
    if case.plan is None and case.recipe is not None and key in case.recipe.trainer_args:
        return case.recipe.trainer_args[key]
    decided = resolved(case, key)
    return default if decided is None else decided.value


def where(case: Case, key: str) -> Location | None:
    """Return the recipe line that decided an option."""
    decided = resolved(case, key)
    return None if decided is None else decided.where


def number(case: Case, key: str) -> float | None:
    """Return an option as a number; None where it is unknown or no number."""
    value = setting(case, key)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def family(case: Case) -> str | None:
    """Return the architecture of the base model."""
    return case.family or (case.plan.family if case.plan is not None else None)


def kind(case: Case) -> str | None:
    """Return what is learned: character, person, style ..."""
    if case.plan is not None:
        return case.plan.kind
    return case.recipe.subject.kind if case.recipe is not None else case.kind


def resolution_side(case: Case) -> float | None:
    """Return the side in pixels of a square as large as the training resolution; None where it is not known."""
    value = setting(case, "resolution")
    if isinstance(value, str):
        value = [part for part in value.split(",") if part.strip()]
    sides = value if isinstance(value, (list, tuple)) else [value]
    try:
        width, height = float(sides[0]), float(sides[-1])
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return math.sqrt(width * height) if min(width, height) > 0 else None


def optimizer(case: Case) -> str | None:
    """Return the optimizer's bare name in lower case: `adamw8bit`, `prodigy`."""
    value = setting(case, "optimizer_type")
    return str(value).split("(")[0].rsplit(".", 1)[-1].lower() if value else None


def is_adaptive(case: Case) -> bool:
    """Return whether the optimizer finds its own step size."""
    name = optimizer(case)
    return name is not None and name.startswith(ADAPTIVE_OPTIMIZERS)


def unet_lr(case: Case) -> float | None:
    """Return the learning rate the U-Net or DiT is trained with, as the trainer resolves it."""
    value = number(case, "unet_lr")
    return number(case, "learning_rate") if value is None else value


def series(case: Case, tag: str) -> Series | None:
    """Return a series by the trainer's tag, its numbers within bounds; None where it is absent or empty."""
    found = case.observations.series.get(tag) if case.observations is not None else None
    if found is None or not len(found):
        return None
    key = f"series {tag}"
    if key not in case.cache:
        case.cache[key] = bounded_series(found)
    kept: Series = case.cache[key]
    return kept


def telemetry(case: Case) -> Telemetry | None:
    """Return what the recorder wrote, its numbers within bounds; None where it was off."""
    if case.observations is None or case.observations.telemetry is None:
        return None
    if "telemetry" not in case.cache:
        case.cache["telemetry"] = bounded_telemetry(case.observations.telemetry)
    kept: Telemetry = case.cache["telemetry"]
    return kept


def recording(case: Case) -> str | None:
    """Return what the recorder was told to record, `off`, `log` or `probe`; None where nobody knows. What is on is not asked for again."""
    seen = telemetry(case)
    if seen is not None:
        return seen.mode
    if case.plan is not None and case.plan.telemetry is not None:
        return str(case.plan.telemetry.mode.value)
    return case.recipe.telemetry if case.recipe is not None else None


def is_logging(case: Case) -> bool:
    """Return whether steps and pictures were to be recorded; where they are missing all the same, the run was too short for them."""
    return recording(case) in {"log", "probe"}


def steps_logged(case: Case, least: int) -> Text:
    """Return what a rule needs that asks the recorder about at least so many steps."""
    if is_logging(case):
        return Text(f"At least {least} steps.", f"至少 {least} 步。")
    return Text(f"`telemetry: log` and {least} steps.", f"`telemetry: log` 与至少 {least} 步。")


def rates_logged(case: Case) -> Text:
    """Return what a rule needs that found no learning rate."""
    if is_logging(case):
        return Text("Steps with a learning rate above 0.", "学习率大于 0 的步。")
    return Text(
        "TensorBoard files of the trainer, or `telemetry: log`.", "训练器的 TensorBoard 文件，或 `telemetry: log`。"
    )


def raw_loss(case: Case) -> Series | None:
    """Return the loss per optimizer step."""
    return series(case, RAW_LOSS)


def events(case: Case, *kinds: str) -> tuple[LogEvent, ...]:
    """Return console events of these kinds, in order."""
    if case.observations is None:
        return ()
    return tuple(event for event in case.observations.events if event.kind in kinds)


def fact(case: Case, key: str) -> float | None:
    """Return a number the trainer itself announced."""
    value = case.observations.facts.get(key) if case.observations is not None else None
    return bounded_number(float(value)) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def final_file(case: Case) -> Checkpoint | None:
    """Return the final network file, None where there is none."""
    if case.observations is None:
        return None
    return next((c for c in reversed(case.observations.checkpoints) if c.is_final), None)


def newest_file(case: Case) -> Checkpoint | None:
    """Return the final file, or the newest checkpoint where the run did not get that far."""
    final = final_file(case)
    if final is not None or case.observations is None or not case.observations.checkpoints:
        return final
    return max(case.observations.checkpoints, key=lambda c: (c.step or 0, c.epoch or 0))


def planned_steps(case: Case) -> int | None:
    """Return the length of the run in optimizer steps: the plan's, else what the trainer announced."""
    if case.plan is not None:
        return case.plan.steps.total_steps
    announced = fact(case, "total_steps")
    return None if announced is None else int(announced)


def unreached_steps(case: Case, last_step: float) -> int | None:
    """Return the planned steps where a record that ends at `last_step` misses its plan: shares of it are none of the run then.

    None where the record reaches the end, or nobody knows how long the run was to be.
    """
    planned = planned_steps(case)
    return planned if planned is not None and last_step < WHOLE * planned else None


def to_the_end(last_step: float, planned: int) -> Text:
    """Return what a rule about the whole run needs where it ended before its plan did."""
    return Text(
        f"A run to its planned end; this one is known to step {last_step:.0f} of {planned}.",
        f"需要训练到计划的终点；此次只记录到第 {last_step:.0f} 步，计划 {planned} 步。",
    )


def is_at_band(case: Case) -> bool:
    """Return whether the recipe's band of exposures moved the steps: so says the plan, or they lie at an edge, within a rounding."""
    train = case.recipe.train if case.recipe is not None else None
    band = train.exposures_per_image if train is not None else None
    if case.plan is None or train is None or band is None or train.max_train_epochs is not None:
        return False  # epochs of the recipe's own beat the band
    seen = case.plan.steps.exposures_per_image
    is_near = seen > (1 - BAND_ROUNDING) * band[1] or seen < (1 + BAND_ROUNDING) * band[0]
    return bool(getattr(case.plan.steps, "is_band_bound", False)) or is_near


def is_held_short(case: Case) -> bool:
    """Return whether the upper edge of that band keeps the run shorter than it would be: a higher wish changes nothing then."""
    band = case.recipe.train.exposures_per_image if case.recipe is not None else None
    if case.plan is None or band is None or not is_at_band(case):
        return False
    return case.plan.steps.exposures_per_image**2 > band[0] * band[1]


def deciding_key(case: Case) -> str:
    """Return the recipe key that makes the run as long as it is: another value of `target_steps` may change nothing."""
    if case.recipe is None or case.plan is None:
        return "train.target_steps"
    train, steps = case.recipe.train, case.plan.steps
    if train.max_train_epochs is not None:
        return "train.max_train_epochs"
    is_above = train.exposures_per_image is not None and steps.exposures_per_image > train.exposures_per_image[1]
    has_repeats = any(c.num_repeats for c in case.recipe.concepts if not c.is_reg)
    if steps.epochs == 1 and has_repeats and (is_above or not is_at_band(case)):
        return "num_repeats"
    return "train.exposures_per_image" if is_at_band(case) else "train.target_steps"


def subject_folders(case: Case) -> tuple[Folder, ...]:
    """Return the folders that are trained on as the subject; empty where the pictures were not looked at."""
    return tuple(f for f in case.dataset.folders if f.is_subject) if case.dataset is not None else ()


def names(paths: Sequence[Path | str], most: int = 3) -> Text:
    """Return file names for a sentence: the first ones, then how many more."""
    is_several = _lie_in_several(paths)
    shown = ", ".join(_file_name(path, is_several=is_several) for path in paths[:most])
    more = len(paths) - most
    return Text(f"{shown} and {more} more", f"{shown} 等 {len(paths)} 个") if more > 0 else same(shown)


def file_name(path: Path | str, among: Sequence[Path | str]) -> str:
    """Return a file's name, with its folder's where those `among` which it is told lie in several: there names alone may be equal."""
    return _file_name(path, is_several=_lie_in_several(among))


def _lie_in_several(paths: Iterable[Path | str]) -> bool:
    """Return whether the paths, names alone left out, lie in several folders."""
    return len({one.parent for one in paths if not isinstance(one, str)}) > 1


def _file_name(path: Path | str, *, is_several: bool) -> str:
    if isinstance(path, str):
        return path
    return f"{path.parent.name}/{path.name}" if is_several and path.parent.name else path.name


def significant(value: float, digits: int = 2) -> float:
    """Return `value` rounded to significant digits: 4.2e-5 instead of 4.2000000000000004e-5."""
    return float(f"{value:.{digits}g}")


def bounds(low: float, high: float) -> str:
    """Return a range for evidence, in no language: `5-40`, `7e-5 - 2.5e-4`."""
    ends = [f"{short_number(significant(end))}" for end in (low, high)]
    return (" - " if any("e" in end for end in ends) else "-").join(ends)


def optimizer_option(case: Case, name: str) -> str | None:
    """Return an option of the optimizer as it was written, from `optimizer_args` (`d0=1e-5`) or the recipe's own table."""
    written = setting(case, "optimizer_args")
    if isinstance(written, str):
        written = written.split()
    for one in written if isinstance(written, (list, tuple)) else ():
        key, found, value = str(one).partition("=")
        if found and key.strip() == name:
            return value.strip()
    own = case.recipe.train.optimizer_args if case.recipe is not None else None
    return str(own[name]) if own and name in own else None
