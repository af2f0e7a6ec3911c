"""What a run will write at most, part by part: bytes and files. Pure arithmetic; who asks says what the network is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from orchestrator.core.number_text import size
from orchestrator.core.text import Text, plural
from orchestrator.plan.optimizer_state import kept_by
from orchestrator.plan.saves import STATE_FILES, Saves, saves_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from orchestrator.plan.model import Plan
    from orchestrator.plan.network_size import NetworkSize

MIB: Final = 1024 * 1024
BALLAST_BYTES: Final = 64 * MIB
"""A file that is only there to be deleted, so that the last words can be written on a full disk."""
RESERVE: Final = 0.10
CONSOLE_BYTES: Final = 150 * MIB
"""The console log never takes more (see `run/process/pump.py`)."""
_CONSOLE_STEP_BYTES: Final = 700
_SCALARS_MICRO_STEP_BYTES: Final = 300
_TELEMETRY_STEP_BYTES: Final = 300
_TELEMETRY_SAMPLE_BYTES: Final = 40
_PROBE_BYTES: Final = 4096
_RECORDS_BYTES: Final = 4 * MIB
"""Recipe, plan, journal, report and the like."""
_RECORD_FILES: Final = 60
"""Without the sums beside each published file."""
_LATENT_CHANNELS: Final = {"sd3": 16, "flux": 16}
_TEXT_CACHE_BYTES: Final = {
    "sdxl": 227 * (768 + 1280) * 4 + 1280 * 4,
    "sd3": (77 * 2048 + 256 * 4096 + 2048) * 4 + 4 * 1024,
    "flux": (512 * 4096 + 768 + 512 * 3) * 4 + 4 * 1024,
}
"""Of one picture, as float32, with the most tokens of the family's usual settings."""
_NPZ_BYTES: Final = 1500


@dataclass(frozen=True, slots=True)
class Part:
    """One kind of files."""

    key: str
    """`networks`, `states`, `samples`, `caches`, `logs`, `records`, `ballast` or `reserve`."""
    size_bytes: int
    files: int
    because: Text
    """The sum, for people."""


@dataclass(frozen=True, slots=True)
class DiskNeed:
    """What a run will write at most in its own folder."""

    parts: tuple[Part, ...]
    is_known: bool
    """False: the size of the network has no upper end that could be stated; its files are left out."""
    notes: tuple[Text, ...] = ()
    """What was estimated and not counted."""
    copies: int = 1
    """How many times each network file lies there; all are counted."""

    @property
    def size_bytes(self) -> int:
        """All parts together."""
        return sum(part.size_bytes for part in self.parts)

    @property
    def files(self) -> int:
        """Files and folders of all parts, as a file system counts them."""
        return sum(part.files for part in self.parts)


def disk_need(
    plan: Plan, network: NetworkSize, *, keep_states: int | None = None, copies: int = 1, after_step: int = 0
) -> DiskNeed:
    """Return what the run will write at most.

    `keep_states`: how many states are left by whoever prunes them; None: as the trainer's own options say. While a new one is
    written the older ones are still there. `copies`: how many times each network file lies on the disk, 2 where hard links cannot
    be made. `after_step`: optimizer steps that are done already, whose files are there.
    """
    saves = saves_of(plan, network)
    parts = [
        *_save_parts(plan, saves, network, keep_states, copies, after_step),
        *_samples(plan),
        *_caches(plan),
        _logs(plan),
        Part("records", _RECORDS_BYTES, _RECORD_FILES + _links(plan) + saves.networks_left, Text("recipe, plan, journal, report, links", "配方、计划、日志、报告、链接")),
        Part("ballast", BALLAST_BYTES, 1, Text("freed when the disk is full, for the last words", "磁盘写满时释放，用于写下最后的记录")),
    ]  # fmt: skip
    rest = math.ceil(RESERVE * sum(part.size_bytes for part in parts))
    parts.append(Part("reserve", rest, 0, Text("10 % more than the sum", "在总和上再加 10 %")))
    return DiskNeed(tuple(parts), math.isfinite(network.high), tuple(_notes(plan, network, saves)), copies)


def need_line(need: DiskNeed) -> Text:
    """Return the need in one line, largest parts first."""
    if not need.is_known:
        return Text(
            "disk: not known, because the size of the network is not: " + "; ".join(n.en for n in need.notes),
            "磁盘：未知，因为网络大小未知：" + "；".join(n.zh for n in need.notes),
        )
    listed = parts_line(need)
    return Text(
        "; ".join([f"disk: at most {size(need.size_bytes)}: {listed.en}", *(n.en for n in need.notes)]),
        "；".join([f"磁盘：最多 {size(need.size_bytes)}：{listed.zh}", *(n.zh for n in need.notes)]),
    )


def parts_line(need: DiskNeed) -> Text:
    """Return the parts with their sizes, largest first."""
    shown = sorted((part for part in need.parts if part.size_bytes), key=lambda part: -part.size_bytes)
    told, told_zh = [], []
    for part in shown:
        name, is_plain = _NAMES[part.key], part.key in _WITHOUT_REASON
        told.append(f"{name.en} {size(part.size_bytes)}" + ("" if is_plain else f" ({part.because.en})"))
        told_zh.append(f"{name.zh} {size(part.size_bytes)}" + ("" if is_plain else f"（{part.because.zh}）"))
    return Text(", ".join(told), "，".join(told_zh))


_NAMES: Final = {
    "networks": Text("network files", "模型文件"),
    "states": Text("states", "训练状态"),
    "samples": Text("sample pictures", "样图"),
    "caches": Text("caches", "缓存"),
    "logs": Text("logs", "日志"),
    "records": Text("records", "记录"),
    "ballast": Text("ballast", "预留文件"),
    "reserve": Text("reserve", "余量"),
}
_NOT_MEASURED: Final = {
    "read": Text("what {0} keeps was taken from its source, not measured", "{0} 保存的数据量取自其源代码，未经实测"),
    "assumed": Text(
        "what {0} keeps is not known; the most of any known optimizer was taken",
        "{0} 保存的数据量未知；按已知优化器中最多的计",
    ),
}
_WITHOUT_REASON: Final = ("records", "ballast", "reserve", "logs")


def ways_to_save(plan: Plan, need: DiskNeed, short_bytes: int) -> tuple[Text, ...]:
    """Return what of the recipe could be changed so that at least `short_bytes` less are written; the cheapest for the user first."""
    whole = math.ceil(short_bytes / (1 + RESERVE))
    parts = {part.key: part for part in need.parts}
    networks, states, caches = (parts.get(key) for key in ("networks", "states", "caches"))
    ways = []
    if states is not None and states.size_bytes >= whole and plan.option("save_state") is True:
        ways.append(_way("`save.save_state: false`", states.size_bytes))
    if networks is not None and networks.files:
        count = networks.files // need.copies
        each = networks.size_bytes // count
        left = count - math.ceil(whole / each) if each else 0
        if left >= 1:
            ways.append(_way(f"`save.checkpoints: {left}`", (count - left) * each))
        if networks.size_bytes // 2 >= whole and plan.option("save_precision") in (None, "float"):
            ways.append(_way("`save.save_precision: fp16`", networks.size_bytes // 2))
    if caches is not None and caches.size_bytes >= whole and plan.option("cache_latents_to_disk") is True:
        ways.append(_way("`train.cache_latents_to_disk: false`", caches.size_bytes))
    return tuple(ways)


def _way(change: str, saved_bytes: int) -> Text:
    return Text(f"{change} saves {size(saved_bytes)}", f"{change} 可省 {size(saved_bytes)}")


def _save_parts(
    plan: Plan, saves: Saves, network: NetworkSize, keep_states: int | None, copies: int, after_step: int
) -> Iterator[Part]:
    if not math.isfinite(network.high):
        return
    networks = min(saves.networks_left + saves.is_pruned, saves.networks_after(after_step))
    twice = Text("", "") if copies == 1 else Text(", each twice: no hard links there", "，各存两份：该处不支持硬链接")
    yield Part(
        "networks",
        networks * copies * saves.network_bytes,
        networks * copies,
        Text(
            f"{plural(networks, 'file', 'files')} of {size(saves.network_bytes)}{twice.en}",
            f"{networks} 个文件，每个 {size(saves.network_bytes)}{twice.zh}",
        ),
    )
    most = saves.states_left + saves.is_pruned if keep_states is None else keep_states + 1
    states = min(most, saves.states_after(after_step))
    if not states:
        return
    optimizer = plan.option("optimizer_type") or "AdamW"
    yield Part(
        "states",
        states * saves.state_bytes,
        states * STATE_FILES,
        Text(
            f"{states} of {size(saves.state_bytes)} with {optimizer}",
            f"{states} 个，每个 {size(saves.state_bytes)}（{optimizer}）",
        ),
    )


def _samples(plan: Plan) -> Iterator[Part]:
    if not plan.prompts:
        return
    times = int(plan.option("sample_at_first") is True)
    times += plan.steps.epochs // _whole(plan, "sample_every_n_epochs") if _whole(plan, "sample_every_n_epochs") else 0
    times += (
        plan.steps.total_steps // _whole(plan, "sample_every_n_steps") if _whole(plan, "sample_every_n_steps") else 0
    )
    pixels = sum(prompt.width * prompt.height for prompt in plan.prompts)
    count = times * len(plan.prompts)
    if count:
        told = plural(count, "picture", "pictures")
        yield Part(
            "samples", times * pixels * 3, count, Text(f"{told}, as if not compressed", f"{count} 张图片，按未压缩计")
        )


def _caches(plan: Plan) -> Iterator[Part]:
    """Latents and text encoder outputs that are cached on disk, beside the links in the run folder."""
    subsets = [*plan.subsets, *([plan.validation] if plan.validation is not None else [])]
    pictures = sum(len(subset.sizes) for subset in subsets)
    size_bytes = files = 0
    if plan.option("cache_latents_to_disk") is True:
        flipped = any(s.options.get("flip_aug") for s in subsets) or _general(plan, "flip_aug") is True
        latent = _mean_pixels(plan) / 64 * _LATENT_CHANNELS.get(plan.family, 4) * 4
        size_bytes += math.ceil(pictures * (latent * (2 if flipped else 1) + _NPZ_BYTES))
        files += pictures
    if plan.option("cache_text_encoder_outputs_to_disk") is True:
        size_bytes += pictures * (_TEXT_CACHE_BYTES.get(plan.family, 0) + _NPZ_BYTES)
        files += pictures
    if files:
        told = plural(pictures, "picture", "pictures")
        yield Part("caches", size_bytes, files, Text(f"of {told}", f"{pictures} 张图片"))


def _logs(plan: Plan) -> Part:
    steps = plan.steps
    micro_steps = steps.batches_per_epoch * steps.epochs
    console = min(CONSOLE_BYTES, 200_000 + _CONSOLE_STEP_BYTES * micro_steps)
    scalars = 100_000 + _SCALARS_MICRO_STEP_BYTES * micro_steps
    telemetry = 0
    if plan.telemetry is not None and plan.telemetry.mode.value != "off":
        shown = steps.train_samples * steps.epochs
        telemetry = _TELEMETRY_STEP_BYTES * steps.total_steps + _TELEMETRY_SAMPLE_BYTES * shown
        every = plan.telemetry.probe_every_steps
        telemetry += _PROBE_BYTES * (2 + steps.total_steps // every) if every else 0
    return Part(
        "logs", console + scalars + telemetry, 12, Text(f"of {steps.total_steps} steps", f"{steps.total_steps} 步")
    )


def _links(plan: Plan) -> int:
    subsets = [*plan.subsets, *([plan.validation] if plan.validation is not None else [])]
    return sum(len(subset.links) for subset in subsets) + len(subsets)


def _mean_pixels(plan: Plan) -> float:
    """Pixels of a picture as it is trained, mean over the buckets."""
    samples = sum(count for _, _, count in plan.steps.buckets)
    return sum(w * h * count for w, h, count in plan.steps.buckets) / samples if samples else 0.0


def _notes(plan: Plan, network: NetworkSize, saves: Saves) -> Iterator[Text]:
    because, largest = network.because, size(saves.network_bytes)
    if not math.isfinite(network.high):
        yield because
    elif network.low <= 0:
        told, told_zh = f"a network file takes at most {largest}", f"每个模型文件最多 {largest}"
        yield Text(f"{told}: {because.en}", f"{told_zh}：{because.zh}")
    elif not network.is_counted:
        smallest = size(math.floor(saves.network_bytes * network.low / network.high))
        told, told_zh = f"a network file takes {smallest} to {largest}", f"每个模型文件 {smallest} 至 {largest}"
        yield Text(f"{told}: {because.en}", f"{told_zh}：{because.zh}")
    optimizer = str(plan.option("optimizer_type") or "")
    if saves.states_left and (said := _NOT_MEASURED.get(kept_by(optimizer).known)) is not None:
        yield Text(said.en.format(optimizer), said.zh.format(optimizer))


def _general(plan: Plan, name: str) -> Any:
    resolved = plan.dataset_general.get(name)
    return None if resolved is None else resolved.value


def _whole(plan: Plan, name: str) -> int:
    value = plan.option(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0
