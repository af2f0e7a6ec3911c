"""What the recipe gives, with its origin; every value the planner writes down goes through here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.core.finding import Problem
from orchestrator.core.provenance import Source
from orchestrator.core.text import Text
from orchestrator.plan.model import Resolved, Unused

if TYPE_CHECKING:
    from orchestrator.core.finding import Location
    from orchestrator.plan.families import FamilyFacts, Start
    from orchestrator.recipe.load import LoadedRecipe
    from orchestrator.recipe.model import Recipe


@dataclass(slots=True)
class Draft:
    """A plan in the making."""

    loaded: LoadedRecipe
    facts: FamilyFacts
    start: Start
    train: dict[str, Resolved] = field(default_factory=dict)
    dataset_general: dict[str, Resolved] = field(default_factory=dict)
    notes: list[Text] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    unused: list[Unused] = field(default_factory=list)

    @property
    def recipe(self) -> Recipe:
        """The recipe."""
        return self.loaded.recipe

    def where(self, key: str) -> Location | None:
        """Return where the recipe writes `key`, or the table that holds it."""
        while key:
            origin = self.loaded.origins.get(key)
            if origin is not None and origin.where is not None:
                return origin.where
            key = key.rpartition(".")[0]
        return None

    def where_to_add(self, section: str, because_of: str) -> Location | None:
        """Return where a missing key belongs: at the key that asks for it or in its section, a preset's only where nobody else has either."""
        own = (self.loaded.origins.get(key) for key in (because_of, section))
        places = (one.where for one in own if one is not None and one.source is not Source.PRESET)
        return next((place for place in places if place is not None), self.where(because_of))

    def given(self, value: Any, key: str, because: Text | None = None) -> Resolved:
        """Return `value` as written under the recipe key `key`."""
        origin = self.loaded.origins.get(key)
        source = Source.RECIPE if origin is None else origin.source
        return Resolved(value, source, because or _SAID[source], key, self.where(key))

    def choose(self, value: Any, key: str, default: Any, because: Text) -> Resolved:
        """Return the recipe's `value` of `key`, or `default` with its reason where the recipe leaves it out."""
        if value is not None:
            return self.given(value, key)
        return Resolved(default, Source.DERIVED, because, key)

    def derive(self, value: Any, because: Text) -> Resolved:
        """Return a value that no recipe key stands for."""
        return Resolved(value, Source.DERIVED, because)

    def pass_on(self, name: str, value: Any, key: str) -> None:
        """Write a train option only where the recipe gives it."""
        if value is not None:
            self.train[name] = self.given(value, key)

    def leave_out(self, value: Any, key: str, because: Text) -> None:
        """Note that the recipe's `value` of `key`, where it has one, does nothing: `because` ends the sentence."""
        if value is not None:
            self.unused.append(Unused(key.rpartition(".")[2], self.given(value, key), because))

    def refuse(self, code: str, what: Text, why: Text | None, fix: Text | None, key: str | Location | None) -> None:
        """Note a problem at a key or place; all of them are raised together at the end."""
        where = self.where(key) if isinstance(key, str) else key
        self.problems.append(Problem(code, what, why, fix, where))

    def value(self, name: str) -> Any:
        """Return a train option decided earlier, None where it is left out."""
        resolved = self.train.get(name)
        return None if resolved is None else resolved.value

    def number(self, name: str) -> float | None:
        """Return a train option that is a number, else None: what `trainer_args` holds instead is told by the compiler."""
        value = self.value(name)
        return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None


_SAID = {
    Source.RECIPE: Text("the recipe says so", "配方如此规定"),
    Source.PRESET: Text("the preset says so", "预设如此规定"),
    Source.COMMAND_LINE: Text("the command line says so", "命令行如此规定"),
    Source.DERIVED: Text("decided by the planner", "由规划器决定"),
}
