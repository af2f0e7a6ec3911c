"""Archives: the tool opens none, so none can write outside, swell or hide a link."""

from __future__ import annotations

import ast

from tests.hostile.trying import sources

READERS = {"zipfile", "tarfile", "rarfile", "py7zr", "patoolib"}
CALLS = {"unpack_archive", "extractall", "extract_all"}
RELIABILITY = {"T10": "every module of the tool: none imports an archive reader or unpacks anything"}


def test_nothing_is_unpacked() -> None:
    found = [f"{name}: {node!r}" for name, nodes in sources() for node in nodes if _reads_archives(node)]
    assert found == []


def _reads_archives(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.partition(".")[0] in READERS for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] in READERS
    return isinstance(node, ast.Attribute) and node.attr in CALLS
