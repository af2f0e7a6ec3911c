"""Put the sources of one run together: series, console, files, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.core.number_text import whole_number
from orchestrator.core.observation import Checkpoint, Missing, Observations, Series
from orchestrator.core.text import Text
from orchestrator.observe.console_file import ConsoleReading, read_console
from orchestrator.observe.files import place_samples, read_checkpoints, read_sample
from orchestrator.observe.one_thread import load_numpy
from orchestrator.observe.samples_pixels import read_samples
from orchestrator.observe.scalars import ScalarReading, read_scalars
from orchestrator.observe.telemetry import read_telemetry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from orchestrator.core.observation import LogEvent

CONSOLE_LOSS = "console/avr_loss"
"""The bar's moving average as a series, under a name no trainer uses; only where there is no event file."""

NO_EVENTS = Missing(
    "event-files",
    Text(
        "No TensorBoard event files: the loss of single steps is unknown, so nothing can be said about its course. Train with log_with and logging_dir, or give the folder that holds the log too.",
        "没有 TensorBoard 事件文件：不知道每一步的损失，无法判断其走势。训练时请设置 log_with 和 logging_dir，或给出同时包含日志的文件夹。",
    ),
)
NO_CONSOLE = Missing(
    "console-log",
    Text(
        "No console log: the counts the trainer announced, its warnings about captions and NaN latents, and its errors are unknown.",
        "没有控制台日志：训练器公布的数量、关于标注和 NaN 潜变量的警告以及错误均未知。",
    ),
)
NO_CHECKPOINTS = Missing(
    "checkpoints",
    Text(
        "No network file: whether the weights moved and are finite cannot be judged.",
        "没有网络文件：无法判断权重是否有变化、是否为有限值。",
    ),
)
NO_SAMPLES = Missing(
    "samples",
    Text("No sample pictures: what the network draws was not seen.", "没有样图：未看到网络画出的内容。"),
)
NO_TELEMETRY = Missing(
    "telemetry",
    Text(
        "No telemetry: the timestep of each loss is unknown, and the base model was not measured, so what is said about the course of the loss is never sure. `telemetry: probe` in the recipe records both, and changes nothing in the training.",
        "没有遥测记录：不知道每个损失对应的时间步，也没有测量基础模型，因此对损失走势的判断都不可靠。在配方中写 `telemetry: probe` 即可记录这两项，且不影响训练。",
    ),
)
NO_SETTINGS = Missing(
    "settings",
    Text(
        "No settings: neither an argument file nor metadata in a saved network. Rules that need the learning rate, rank or length cannot judge.",
        "没有设置：既无参数文件，网络文件中也无元数据。需要学习率、秩或训练长度的规则无法判断。",
    ),
)


@dataclass(frozen=True, slots=True)
class Sources:
    """The files of one run. Nothing in it is opened for writing."""

    event_files: tuple[Path, ...] = ()
    networks: tuple[Path, ...] = ()
    samples: tuple[Path, ...] = ()
    console: Path | None = None
    prompts: tuple[str, ...] = ()
    telemetry: tuple[Path, ...] = ()
    """`rankN.jsonl` of each process."""
    pictures: tuple[Path, ...] = ()
    """Training pictures that samples are compared with."""


def observe(sources: Sources, name_of: Callable[[Path], str]) -> Observations:
    """Read all sources of a run; `name_of` gives the path to report for a file. Unreadable files are noted, not raised."""
    load_numpy()
    damage: list[str] = []
    console = _read_console(sources.console, name_of, damage)
    scalars = _read_scalars(sources.event_files, name_of)
    damage += scalars.damage
    checkpoints = read_checkpoints(sources.networks, {path: name_of(path) for path in sources.networks})
    telemetry, telemetry_damage = read_telemetry(sources.telemetry, name_of)
    damage += telemetry_damage
    facts = _facts(console, scalars, checkpoints)
    prompts = sources.prompts or _console_prompts(console.events if console else ())
    found = [sample for path in sources.samples if (sample := read_sample(path, name_of(path))) is not None]
    samples = place_samples(found, _whole(facts, "steps_per_epoch"), _whole(facts, "total_steps"), prompts)
    named = {name_of(path): path for path in sources.samples}
    looked_at = read_samples({s.path: named[s.path] for s in samples}, sources.pictures, name_of)
    damage += looked_at.notes
    series = dict(scalars.series)
    if not series and console is not None and len(console.progress.steps):
        source = name_of(sources.console) if sources.console else ""
        note = "the console's moving average over up to one epoch, three digits"
        series[CONSOLE_LOSS] = Series(
            CONSOLE_LOSS, console.progress.steps, console.progress.avr_loss, source=source, note=note
        )
    missing = [
        *([] if scalars.series else [NO_EVENTS]),
        *([] if console else [NO_CONSOLE]),
        *([] if checkpoints else [NO_CHECKPOINTS]),
        *([] if samples else [NO_SAMPLES]),
        *([] if telemetry else [NO_TELEMETRY]),
    ]
    events = console.events if console else ()
    return Observations(
        series, events, facts, checkpoints, samples, tuple(missing), tuple(damage), telemetry, looked_at
    )


def _read_console(path: Path | None, name_of: Callable[[Path], str], damage: list[str]) -> ConsoleReading | None:
    if path is None:
        return None
    try:
        reading = read_console(path)
    except OSError as error:
        damage.append(f"{name_of(path)}: cannot be read ({error.strerror or error})")
        return None
    damage += [f"{name_of(path)}: {note}" for note in reading.notes]
    return reading


def _read_scalars(paths: Sequence[Path], name_of: Callable[[Path], str]) -> ScalarReading:
    return read_scalars(paths, name_of) if paths else ScalarReading({}, (), 0)


def _facts(
    console: ConsoleReading | None, scalars: ScalarReading, checkpoints: Sequence[Checkpoint]
) -> dict[str, int | float | str]:
    facts: dict[str, int | float | str] = dict(_facts_of_metadata(checkpoints))
    if console is not None:
        facts.update(console.facts)
    if scalars.file_count:
        facts["event_files"] = scalars.file_count
    loss = scalars.series.get("loss/current") or scalars.series.get("loss")
    if loss is not None:
        facts["last_step"] = max(int(facts.get("last_step", 0)), loss.steps[-1])
    if scalars.first_time is not None and scalars.last_time is not None and scalars.last_time > scalars.first_time:
        facts["logged_seconds"] = scalars.last_time - scalars.first_time
    batches = _whole(facts, "batches_per_epoch")
    if batches:
        accumulation = _whole(facts, "gradient_accumulation_steps") or 1
        facts["steps_per_epoch"] = -(-batches // max(1, accumulation))
    return facts


def _facts_of_metadata(checkpoints: Sequence[Checkpoint]) -> Mapping[str, int]:
    """Return the counts the newest saved network remembers; the console's own override them."""
    metadata = next((c.metadata for c in reversed(checkpoints) if c.metadata), {})
    names = {
        "ss_max_train_steps": "total_steps",
        "ss_num_epochs": "epochs",
        "ss_num_batches_per_epoch": "batches_per_epoch",
        "ss_num_train_images": "train_images",
        "ss_num_validation_images": "validation_images",
        "ss_num_reg_images": "reg_images",
        "ss_gradient_accumulation_steps": "gradient_accumulation_steps",
    }
    read = {name: whole_number(metadata.get(key)) for key, name in names.items()}
    return {name: count for name, count in read.items() if count is not None}


def _whole(facts: Mapping[str, Any], name: str) -> int | None:
    value = facts.get(name)
    return value if isinstance(value, int) else None


def _console_prompts(events: Sequence[LogEvent]) -> tuple[str, ...]:
    """Return the prompts of the first round of samples, in the order they were drawn."""
    prompts: list[str] = []
    rounds = 0
    for event in events:
        if event.kind == "sampling":
            rounds += 1
        elif event.kind == "sample-prompt" and rounds == 1:
            prompts.append(str(event.values["prompt"]))
    return tuple(prompts)
