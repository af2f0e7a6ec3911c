"""Cases for rules, and the two claims a rule test makes: `catches` and `catches_not`."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.core.finding import Finding, Status
from orchestrator.core.observation import Checkpoint, LogEvent, Observations, Series
from orchestrator.core.provenance import Source
from orchestrator.core.text import same
from orchestrator.dataset.model import Dataset, Folder, Picture
from orchestrator.diagnose.rule import Case
from orchestrator.plan.model import Plan, Resolved, StepPlan, Subset
from orchestrator.recipe.model import Recipe
from orchestrator.run.records.model import Ending, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from orchestrator.core.finding import Severity
    from orchestrator.diagnose.rule import Rule


def findings(rule: Rule, case: Case) -> list[Finding]:
    """Return what the rule says; every finding must carry the rule's own id and name and both languages."""
    said = list(rule.check(case))
    for finding in said:
        assert (finding.rule, finding.name) == (rule.id, rule.name)
        assert finding.message.en
        assert finding.message.zh
        assert finding.message.en != finding.message.zh
        assert finding.status is not Status.INCONCLUSIVE or finding.needs is not None
    assert said, "a rule always says something"
    return said


def catches(rule: Rule, case: Case, severity: Severity | None = None) -> Finding:
    """Assert that the rule fires on the case and return the first finding that fired."""
    fired = [finding for finding in findings(rule, case) if finding.is_fired]
    assert fired, f"{rule.name} did not fire"
    if severity is not None:
        assert fired[0].severity is severity
    return fired[0]


def catches_not(rule: Rule, case: Case, status: Status | None = None) -> Finding:
    """Assert that the rule does not fire and return its first finding."""
    said = findings(rule, case)
    assert not [finding for finding in said if finding.is_fired]
    if status is not None:
        assert said[0].status is status
    return said[0]


def recipe(**changes: Any) -> Recipe:
    """Return a small valid recipe; top-level keys may be replaced."""
    content: dict[str, Any] = {
        "recipe_version": 1,
        "name": "alice",
        "subject": {"kind": "character", "trigger": "alicexyz", "class_tokens": "girl"},
        "base_model": {"family": "sd15", "pretrained_model_name_or_path": "base.safetensors"},
        "concepts": [{"image_dir": "pictures"}],
    }
    return Recipe.model_validate({**content, **changes})


def decided(values: Mapping[str, Any]) -> dict[str, Resolved]:
    """Return options as the plan holds them."""
    return {key: Resolved(value, Source.RECIPE, same("test")) for key, value in values.items()}


def step_plan(
    total: int = 1500,
    epochs: int = 10,
    exposures: float = 100.0,
    buckets: tuple[tuple[int, int, int], ...] = ((512, 512, 200),),
) -> StepPlan:
    """Return the arithmetic of a run of `total` steps."""
    return StepPlan(buckets, total // epochs, total // epochs, epochs, total, total, 0, exposures, ())


def subset(pictures: int = 20, **options: Any) -> Subset:
    """Return a subset of `pictures` square pictures."""
    return Subset("data/10_alice", 10, "alicexyz girl", ".txt", False, ((512, 512),) * pictures, (), options)  # noqa: FBT003


def plan(
    train: Mapping[str, Any] | None = None,
    *,
    family: Any = "sd15",
    kind: Any = "character",
    trigger: str | None = "alicexyz",
    steps: StepPlan | None = None,
    general: Mapping[str, Any] | None = None,
    subsets: tuple[Subset, ...] | None = None,
    validation: Subset | None = None,
) -> Plan:
    """Return a plan with the given options."""
    return Plan(
        name="alice",
        output_name="alice",
        family=family,
        kind=kind,
        trigger=trigger,
        train=decided(train or {}),
        dataset_general=decided(general or {}),
        subsets=(subset(),) if subsets is None else subsets,
        validation=validation,
        validation_seed=0,
        steps=steps or step_plan(),
        prompts=(),
        num_processes=1,
        stop_on=("nan",),
    )


def picture(name: str = "a.png", caption: str | None = "alicexyz, smile", **changes: Any) -> Picture:
    """Return a fine picture with a caption."""
    path = Path("pictures") / name
    facts: dict[str, Any] = {
        "path": path,
        "width": 512,
        "height": 512,
        "size_bytes": 1000,
        "format": "png",
        "caption": caption,
        "caption_path": None if caption is None else path.with_suffix(".txt"),
    }
    return Picture(**{**facts, **changes})


def folder(pictures: Sequence[Picture] | int = 20, **changes: Any) -> Folder:
    """Return a folder of pictures."""
    if isinstance(pictures, int):
        pictures = [picture(f"{index:03d}.png") for index in range(pictures)]
    facts: dict[str, Any] = {"image_dir": Path("pictures"), "pictures": tuple(pictures), "caption_extension": ".txt"}
    return Folder(**{**facts, **changes})


def dataset(*folders: Folder) -> Dataset:
    """Return a data set; one fine folder by default."""
    return Dataset(folders or (folder(),))


def series(values: Iterable[float], name: str = "loss/current", first: int = 1) -> Series:
    """Return a series with one value per step."""
    numbers = array("d", values)
    return Series(name, array("q", range(first, first + len(numbers))), numbers)


def event(kind: str, text: str = "", **values: Any) -> LogEvent:
    """Return a console line that means something."""
    return LogEvent(kind, values, 1, text)


def checkpoint(path: str = "attempts/001/output/alice.safetensors", **changes: Any) -> Checkpoint:
    """Return a fine final file."""
    facts: dict[str, Any] = {
        "path": path,
        "step": 400,
        "epoch": None,
        "is_final": True,
        "size_bytes": 1_000_000,
        "is_readable": True,
        "is_scanned": True,
        "key_count": 612,
        "up_count": 204,
        "norms": {"unet": 0.01, "te": 0.01},
    }
    return Checkpoint(**{**facts, **changes})


def observed(
    loss: Iterable[float] | None = None,
    *,
    events: Sequence[LogEvent] = (),
    facts: Mapping[str, int | float | str] | None = None,
    checkpoints: Sequence[Checkpoint] = (),
    further: Sequence[Series] = (),
    **settings: Any,
) -> Case:
    """Return the case of a run that left these things."""
    found = [*further, *([series(loss)] if loss is not None else [])]
    return Case(
        observations=Observations(
            series={one.name: one for one in found},
            events=tuple(events),
            facts=facts or {},
            checkpoints=tuple(checkpoints),
        ),
        settings=settings,
    )


def outcome(ending: Ending = Ending.SUCCEEDED, cause: str = "ok", code: int | None = 0, *last_lines: str) -> Outcome:
    """Return how a run ended."""
    return Outcome(ending, code, cause, same(cause), last_lines=last_lines)
