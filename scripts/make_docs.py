"""Write the generated pages (schema, recipe keys, rules) or, with --check, say which are stale.

usage: make_docs.py [--check]
"""

from __future__ import annotations

import sys
from pathlib import Path

from orchestrator.diagnose.pages import rule_pages, stale_pages, unknown_keys_in_pages
from orchestrator.recipe.schema import keys_page, schema_json

ROOT = Path(__file__).resolve().parent.parent


def generated() -> dict[Path, str]:
    """Return every generated file with its text."""
    files = {ROOT / "recipes" / "recipe.schema.json": schema_json(), ROOT / "docs" / "recipe.md": keys_page()}
    return files | {ROOT / name: text for name, text in rule_pages().items()}


def main() -> int:
    """Write or compare."""
    wrong = [f"Chinese page is stale or missing: {name}" for name in stale_pages()]
    wrong += [f"page names a key that does not exist: {line}" for line in unknown_keys_in_pages()]
    for path, text in generated().items():
        if "--check" not in sys.argv:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            wrong.append(f"stale: {path.relative_to(ROOT)} (run `make docs`)")
    print("\n".join(wrong) or "docs are current")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
