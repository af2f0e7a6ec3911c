"""What the trainer will see: the train TOML over the parser's defaults, and each subset's values as it looks them up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from orchestrator.backends.dataset_schema import DATASET_KEYS
from orchestrator.backends.train_toml import location_of
from orchestrator.core.trust import NOTHING_TRUSTED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from orchestrator.backends.argspec import Option
    from orchestrator.core.finding import Location
    from orchestrator.core.trust import Trust
    from orchestrator.plan.model import Plan, Subset


@dataclass(frozen=True, slots=True)
class Settings:
    """All values of one run by the trainer's names."""

    plan: Plan
    values: Mapping[str, Any]
    """Content of the train TOML."""
    options: Mapping[str, Option]
    """Options of the family's entry script."""
    network_args: Mapping[str, frozenset[str]]
    """Network module -> arguments it reads."""
    trust: Trust = NOTHING_TRUSTED

    @property
    def family(self) -> str:
        """Family of the base model."""
        return self.plan.family

    def get(self, name: str) -> Any:
        """Value of a train option: from the TOML, else the parser's default; None where the entry has no such option."""
        if name in self.values:
            return self.values[name]
        return self.options[name].default if name in self.options else None

    def number(self, name: str) -> float | None:
        """Value of a train option when it is a number; another type is told by the type check."""
        value = self.get(name)
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None

    def text(self, name: str) -> str:
        """Value of a train option when it is text, else an empty one."""
        value = self.get(name)
        return value if isinstance(value, str) else ""

    def list_of(self, name: str) -> tuple[str, ...]:
        """Texts of a list option."""
        value = self.get(name)
        return tuple(v for v in value if isinstance(v, str)) if isinstance(value, (list, tuple)) else ()

    def pairs(self, name: str) -> dict[str, str]:
        """`key=value` items of a list option; items without `=` are left out."""
        return {k.strip(): v.strip() for k, _, v in (item.partition("=") for item in self.list_of(name)) if _}

    def dataset_value(self, name: str, subset: Subset | None = None) -> Any:
        """Value the trainer uses for a key of the dataset TOML: subset, [general], train option."""
        if subset is not None and subset.options.get(name) is not None:
            return subset.options[name]
        decided = self.plan.dataset_general.get(name)
        if decided is not None and decided.value is not None:
            return decided.value
        key = DATASET_KEYS.get(name)
        return self.get(key.argument) if key is not None and key.argument else None

    def dataset_number(self, name: str, subset: Subset | None = None) -> float:
        """A numeric value of the dataset TOML; 0 where there is none or it is no number."""
        value = self.dataset_value(name, subset)
        return value if isinstance(value, (int, float)) and not isinstance(value, bool) else 0

    def where(self, *names: str) -> Location | None:
        """Place in the recipe of the first of `names` that it says."""
        return next((found for found in (location_of(self.plan, name) for name in names) if found is not None), None)

    @property
    def training_subsets(self) -> tuple[Subset, ...]:
        """Folders that are trained on, regularisation pictures included."""
        return self.plan.subsets

    @property
    def resolution(self) -> tuple[int, int] | None:
        """(width, height) of training; None where it is missing or malformed."""
        value = self.dataset_value("resolution")
        if isinstance(value, str):
            parts = value.split(",")
            if not all(p.strip().isdecimal() and len(p) < 10 for p in parts):
                return None
            value = [int(p) for p in parts]
        if isinstance(value, int) and not isinstance(value, bool):
            value = [value]
        if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= 2 or not all(type(v) is int for v in value):
            return None
        return value[0], value[-1]

    @property
    def is_caching_text_encoder(self) -> bool:
        """Whether captions are encoded once."""
        return bool(self.get("cache_text_encoder_outputs") or self.get("cache_text_encoder_outputs_to_disk"))

    @property
    def is_caching_latents(self) -> bool:
        """Whether pictures are encoded once."""
        return bool(self.get("cache_latents") or self.get("cache_latents_to_disk"))

    @property
    def optimizer(self) -> str:
        """Optimizer the trainer will take, lower case."""
        if self.get("use_8bit_adam"):
            return "adamw8bit"
        if self.get("use_lion_optimizer"):
            return "lion"
        return self.text("optimizer_type").lower() or "adamw"
