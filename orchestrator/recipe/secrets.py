"""Tokens and uploads: a recipe is copied into every run, so neither may stand in it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from orchestrator.core.finding import Location, Problem
from orchestrator.core.provenance import Source
from orchestrator.core.record import holds_secret
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from orchestrator.core.source import Document
    from orchestrator.recipe.merge import Layers

_SECRET_KEY = re.compile(r"(?i)(api_?key|passw(or)?d|secret|(huggingface|hf|access|auth|login|bearer)_?token)")
_UPLOAD_KEY = re.compile(r"(?i)(huggingface_\w+|\w+_to_huggingface|\w+_from_huggingface|async_upload)\Z")


def secret_problems(layers: Layers, documents: Iterable[Document]) -> Iterator[Problem]:
    """Yield keys that carry secrets or uploads, and values that look like tokens, comments included. No text is repeated."""
    told: set[tuple[str, int]] = set()
    for path, place in layers.places.items():
        key = path[-1] if path else None
        if not isinstance(key, str) or layers.get(path) is None:
            continue
        where = layers.where_key(path)
        if _SECRET_KEY.search(key):
            told.add((where.file, where.line))
            yield _secret_key(where, key)
        elif _UPLOAD_KEY.match(key):
            told.add((where.file, where.line))
            yield _upload(where, key)
        elif place.source is Source.COMMAND_LINE and isinstance(value := layers.get(path), str) and holds_secret(value):
            yield _secret_value(where)
    for document in documents:
        for number, line in enumerate(document.text.splitlines(), start=1):
            if (document.file, number) not in told and holds_secret(line):
                yield _secret_value(Location(document.file, number, 1, line))


def hide_lines(problems: list[Problem]) -> list[Problem]:
    """Return the problems without the source lines that hold a secret, whoever points at them."""
    secret = {(p.where.file, p.where.line) for p in problems if p.where is not None and p.code == "secret"}
    return [
        replace(p, where=replace(p.where, source="", length=1))
        if p.where is not None and (p.where.file, p.where.line) in secret
        else p
        for p in problems
    ]


def _secret_key(where: Location, key: str) -> Problem:
    return Problem(
        "secret",
        Text(f"`{key}` does not belong in a recipe", f"`{key}` 不应写在配方里"),
        Text(
            "the recipe is copied into every run folder and gets shared", "配方会复制到每次训练的文件夹里，还会被分享"
        ),
        Text("delete it here and set it in the environment of the trainer", "从这里删去，改用环境变量"),
        where,
    )


def _secret_value(where: Location) -> Problem:
    return Problem(
        "secret",
        Text("an access token or password stands here", "这里有访问令牌或密码"),
        Text(
            "the recipe is copied into every run folder and gets shared", "配方会复制到每次训练的文件夹里，还会被分享"
        ),
        Text("delete it, and revoke it if the file was shared", "删去它；如果文件已分享过，请吊销该令牌"),
        where,
    )


def _upload(where: Location, key: str) -> Problem:
    return Problem(
        "upload",
        Text(f"`{key}` is not taken: a training run uploads nothing", f"不接受 `{key}`：训练不会上传任何东西"),
        Text(
            "every checkpoint would be sent out, and nobody was asked", "否则每个检查点都会在未经询问的情况下被发送出去"
        ),
        Text("delete it and upload the file you choose afterwards", "删去它，训练后再自己上传选好的文件"),
        where,
    )
