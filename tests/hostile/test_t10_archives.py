"""Archives: the tool writes nothing out of any, so none can write outside, swell or hide a link. Of saved states it reads checksums."""

from __future__ import annotations

import ast

from tests.hostile.trying import sources

READERS = {"zipfile", "tarfile", "rarfile", "py7zr", "patoolib"}
CHECKSUMS = "whole_state.py"
"""Looks whether a state of our own run is whole: torch writes its files as zip archives."""
CALLS = {"unpack_archive", "extractall", "extract_all", "extract"}
RELIABILITY = {"T10": f"every module of the tool: none unpacks anything, and none but {CHECKSUMS} reads an archive"}


def test_nothing_is_unpacked() -> None:
    found = {name for name, nodes in sources() if any(_reads_archives(node) for node in nodes)}
    assert found == {CHECKSUMS}
    assert not [name for name, nodes in sources() if any(_unpacks(node) for node in nodes)]


def _reads_archives(node: ast.AST) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.partition(".")[0] in READERS for alias in node.names)
    return isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] in READERS


def _unpacks(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CALLS
