"""Recipes and model files that the user vouched for, by the sha256 of their content: one small record beside the trainers' own.

It lies outside any recipe, so that no recipe can speak for itself. A changed file is a stranger again.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import stat
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from orchestrator.backends.pickles import FILE_OPTIONS, pickles_in_folder
from orchestrator.core.errors import InputError, RecordError
from orchestrator.core.finding import Problem
from orchestrator.core.record import read_record, record_text, write_text
from orchestrator.core.refusal import reason_of
from orchestrator.core.text import Text
from orchestrator.core.trust import NOTHING_TRUSTED, Trust
from orchestrator.run.installed.vendor_home import vendor_home
from orchestrator.run.records.private import SHARED_VARIABLE, is_shared

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from filelock import FileLock

    from orchestrator.core.rundir import RunDir
    from orchestrator.plan.model import Plan
    from orchestrator.recipe.load import LoadedRecipe

KIND = "trusted"
VERSION = 1
RECIPE_SUFFIXES = (".yaml", ".yml")
_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class Trusted:
    """One thing that was vouched for."""

    kind: Literal["recipe", "model"]
    sha256: str
    """Of a recipe with `extends` and `--set` applied; of a model file, its bytes."""
    size_bytes: int
    """A file of another size need not be hashed to be known as a stranger."""
    name: str
    """What it was called, for people."""
    added_at: str
    """ISO 8601, UTC."""


def trusted_path() -> Path:
    """Return where the record lies."""
    return vendor_home().state / "trusted.json"


def read_trusted() -> tuple[Trusted, ...]:
    """Return everything that was vouched for. Raises RecordError for a damaged or newer record, and one that others could write."""
    path = trusted_path()
    if not path.is_file():
        return ()
    from pydantic import TypeAdapter

    _refuse_others(path)
    try:
        return TypeAdapter(tuple[Trusted, ...]).validate_python(read_record(path, KIND, VERSION)["entries"])
    except RecordError as error:
        raise RecordError([replace(problem, fix=_move_away(path)) for problem in error.problems]) from error
    except (KeyError, ValueError) as error:
        what = Text(f"{path} is no list of what is trusted", f"{path} 不是受信任内容的列表")
        why = Text("a field is missing or of another kind", "缺少字段，或字段类型不同")
        raise RecordError([Problem("bad-record", what, why, _move_away(path))]) from error


def trust(path: Path, overrides: Sequence[str] = ()) -> tuple[Trusted, ...]:
    """Vouch for a recipe as it is with `overrides`, for a model file, or for every pickle of a model's folder; return what is new.

    Raises InputError for what cannot be read or holds mistakes.
    """
    wanted = _look(path, overrides)
    with _locked():
        known = read_trusted()
        _write({one.sha256: one for one in (*wanted, *known)}.values())
    return wanted


def distrust(path_or_hash: str, overrides: Sequence[str] = ()) -> tuple[Trusted, ...]:
    """Take back: a file as it is now, or everything whose sha256 begins with these (at least 8) digits, or that had this name.

    Raises InputError when nothing of it was trusted.
    """
    with _locked():
        known = read_trusted()
        named = {one.sha256 for one in known if _is_meant(one, path_or_hash)}
        path = Path(path_or_hash)
        hashes = named or ({one.sha256 for one in _look(path, overrides)} if path.exists() else set())
        gone = tuple(one for one in known if one.sha256 in hashes)
        if not gone:
            raise InputError([_not_trusted(path_or_hash)])
        _write(one for one in known if one.sha256 not in hashes)
    return gone


def trust_of(loaded: LoadedRecipe) -> Trust:
    """Return what holds for a recipe. Files are hashed only where one of their size is trusted."""
    known = read_trusted()
    if not known:
        return NOTHING_TRUSTED
    recipes = {one.sha256 for one in known if one.kind == "recipe"}
    is_recipe = bool(recipes) and not loaded.mistakes and _hash_of_recipe(loaded) in recipes
    return Trust(is_recipe, _known_files(_model_files(loaded), known))


def trust_of_run(rundir: RunDir, plan: Plan) -> Trust:
    """Return what holds for a run that is gone on with: its own copy of the recipe, and the files of its plan.

    The copy is hashed: what its `run.json` says of it is no more than the word of whoever made the folder.
    """
    known = read_trusted()
    values = [plan.train[option].value for option in FILE_OPTIONS if option in plan.train]
    names = [item for value in values for item in (value if isinstance(value, (list, tuple)) else (value,))]
    paths = [path for name in names if isinstance(name, str) for path in _files_of(Path(name))]
    return Trust(is_of_trusted_recipe(rundir), _known_files(paths, known))


def is_of_trusted_recipe(rundir: RunDir) -> bool:
    """Whether a run's own copy of its recipe is trusted. A copy that is gone is not. Raises RecordError as `read_trusted`."""
    recipes = {one.sha256 for one in read_trusted() if one.kind == "recipe"}
    try:
        return bool(recipes) and _hash_of_file(rundir.resolved_recipe) in recipes
    except OSError:
        return False


def _known_files(paths: Iterable[Path], known: Sequence[Trusted]) -> frozenset[str]:
    models = {(one.size_bytes, one.sha256) for one in known if one.kind == "model"}
    return frozenset(str(path) for path in paths if _is_known(path, models)) if models else frozenset()


def _is_known(path: Path, models: set[tuple[int, str]]) -> bool:
    try:
        size = path.stat().st_size
        return size in {known for known, _ in models} and (size, _hash_of_file(path)) in models
    except OSError:
        return False


def _model_files(loaded: LoadedRecipe) -> Iterator[Path]:
    """Yield the files that the recipe names as models, as the plan writes their paths; of folders, the pickles in them."""
    from orchestrator.recipe.dump import trainer_arg

    for option in FILE_OPTIONS:
        for key in (f"base_model.{option}", f"network.{option}"):
            if loaded.origins.get(key) is not None and not loaded.is_in_doubt(key):
                yield from _files_of(loaded.resolve_path(key))
        value = trainer_arg(loaded, option) if option in loaded.recipe.trainer_args else None
        for item in value if isinstance(value, (list, tuple)) else [value]:
            if isinstance(item, str):
                yield from _files_of(Path(item))


def _files_of(path: Path) -> Iterator[Path]:
    if path.is_dir():
        yield from pickles_in_folder(path)
    elif path.is_file():
        yield path


def _look(path: Path, overrides: Sequence[str]) -> tuple[Trusted, ...]:
    now = dt.datetime.now(dt.timezone.utc).isoformat(timespec="seconds")
    if path.suffix.lower() in RECIPE_SUFFIXES:
        from orchestrator.backends.registry import known_options
        from orchestrator.recipe.load import load_recipe

        loaded = load_recipe(path, overrides, known_options())
        return (Trusted("recipe", _hash_of_recipe(loaded), 0, path.name, now),)
    try:
        files = tuple(_files_of(path))
        if not files:
            raise InputError([_nothing_to_trust(path)])
        return tuple(Trusted("model", _hash_of_file(one), one.stat().st_size, one.name, now) for one in files)
    except OSError as error:
        what = Text(f"the file cannot be read: {path}", f"无法读取文件：{path}")
        fix = Text("give yourself the right to read it", "请给自己读取它的权限")
        raise InputError([Problem("trust-unreadable", what, reason_of(error), fix)]) from error


def _hash_of_recipe(loaded: LoadedRecipe) -> str:
    from orchestrator.recipe.dump import dump_resolved

    return hashlib.sha256(dump_resolved(loaded).encode("utf-8")).hexdigest()


def _hash_of_file(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _is_meant(one: Trusted, words: str) -> bool:
    return one.name == words or (len(words) >= 8 and one.sha256.startswith(words.lower()))


def _locked() -> FileLock:
    from filelock import FileLock

    path = trusted_path()
    path.parent.mkdir(
        0o755, parents=True, exist_ok=True
    )  # whatever the umask: who may write there may vouch for anything
    return FileLock(path.with_suffix(".lock"), mode=0o600)


def _write(entries: Iterable[Trusted]) -> None:
    content = {"entries": [asdict(one) for one in entries]}
    write_text(trusted_path(), record_text(KIND, VERSION, content), mode=0o600)  # nobody else's to change


def _refuse_others(path: Path) -> None:
    """Raise RecordError where somebody else than this user and root could have written the record."""
    if is_shared() or not hasattr(os, "geteuid"):
        return
    for one in (path, path.parent):
        found = one.stat()
        if found.st_uid in (os.geteuid(), 0) and not found.st_mode & stat.S_IWOTH:
            continue
        raise RecordError(
            [
                Problem(
                    "foreign-trust",
                    Text(f"others may write {one}", f"其他用户可以写入 {one}"),
                    Text("who writes there decides which code is run", "能写入该处的人可以决定执行哪些代码"),
                    Text(
                        f"make it your own alone (`chown`, `chmod go-w`), or move {path} away; where it is shared on purpose set {SHARED_VARIABLE}=1",
                        f"请使其仅属于你自己（`chown`、`chmod go-w`），或移走 {path}；若有意共享，请设置 {SHARED_VARIABLE}=1",
                    ),
                )
            ]
        )


def _move_away(path: Path) -> Text:
    return Text(
        f"update this tool if a newer version wrote it; else move {path} away and trust again what you need",
        f"若由新版本写成，请更新本工具；否则请移走 {path}，再重新信任所需内容",
    )


def _nothing_to_trust(path: Path) -> Problem:
    return Problem(
        "nothing-to-trust",
        Text(f"there is nothing to trust at {path}", f"{path} 处没有可信任的内容"),
        why=Text(
            "it is neither a recipe, nor a file, nor the folder of a model with pickles in it",
            "它既不是配方或文件，也不是含有 pickle 的模型文件夹",
        ),
        fix=Text("name a recipe (.yaml) or a model file", "请指定配方（.yaml）或模型文件"),
    )


def _not_trusted(words: str) -> Problem:
    return Problem(
        "not-trusted",
        Text(f"`{words}` is not trusted as it is now", f"`{words}` 以目前的内容并未受信任"),
        why=Text("trust is kept by content, not by name", "信任按内容记录，而非按名称"),
        fix=Text(
            "`lora-run trust` lists what is; `--remove` takes the name or the first digits of the sha256 from there",
            "`lora-run trust` 会列出已信任的内容；`--remove` 接受其中的名称或 sha256 的前几位",
        ),
    )
