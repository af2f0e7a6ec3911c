"""What the verbs about the tool itself say: its rules, its trainers, this machine."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Literal

from orchestrator.core.errors import EXIT_ENVIRONMENT, EXIT_OK
from orchestrator.core.text import Text
from orchestrator.report import terminal
from orchestrator.report.json_text import print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from orchestrator.backends.protocol import Trainer
    from orchestrator.core.text import Language
    from orchestrator.diagnose.pages import Listed
    from orchestrator.run.installed.doctor import Check
    from orchestrator.run.installed.trusted import Trusted

Done = Literal["trusted", "added", "removed"]


def rules(listed: Sequence[Listed], form: str, language: Language) -> int:
    """List what has a page."""
    if form == "json":
        print_json({"exit_code": EXIT_OK, "rules": [_in_one(rule, language) for rule in listed]})
        return EXIT_OK
    heads = [
        text.to(language)
        for text in (
            Text("id", "编号"),
            Text("name", "名称"),
            Text("looked at", "检查时机"),
            Text("maturity", "成熟度"),
            Text("what it is about", "内容"),
        )
    ]
    rows = [tuple(_in_one(rule, language).values()) for rule in listed]
    console = terminal.make_console()
    terminal.show_table(heads, rows, console)
    end = Text("`lora-run explain NAME` prints the page", "`lora-run explain 名称` 打印该页")
    terminal.show_line(end.to(language), console)
    return EXIT_OK


def _in_one(rule: Listed, language: Language) -> dict[str, str]:
    """Return a row in one language, in the order of its columns."""
    return {
        "id": rule.id,
        "name": rule.name,
        "phase": rule.phase.to(language),
        "maturity": rule.maturity.to(language),
        "title": rule.title.to(language),
    }


def page(rule: str, text: str, form: str) -> int:
    """Print the page of a rule."""
    if form == "json":
        print_json({"exit_code": EXIT_OK, "rule": rule, "page": text})
    else:
        terminal.show_page(text, terminal.make_console())
    return EXIT_OK


def installed(trainer: Trainer, lines: Sequence[Text], form: str, language: Language) -> int:
    """Tell which trainer is in use now; `lines`: what was told on the way."""
    if form == "json":
        about = {"name": trainer.name, "commit": trainer.commit, "is_modified": trainer.is_modified}
        print_json({"exit_code": EXIT_OK, "trainer": about, "lines": [text.to(language) for text in lines]})
        return EXIT_OK
    told = Text(f"{trainer.name} {trainer.commit} is ready", f"{trainer.name} {trainer.commit} 已就绪")
    terminal.show_line(told.to(language), terminal.make_console())
    return EXIT_OK


def examined(checks: Sequence[Check], form: str, language: Language) -> int:
    """Tell what `doctor` saw. Returns 4 where something needed is bad."""
    code = EXIT_ENVIRONMENT if any(check.status == "bad" for check in checks) else EXIT_OK
    if form == "json":
        found = [
            {
                "code": check.code,
                "name": check.name.to(language),
                "value": check.value.to(language),
                "status": check.status,
                "fix": check.fix.to(language) if check.fix else None,
            }
            for check in checks
        ]
        print_json({"exit_code": code, "checks": found})
        return code
    words = {"ok": "ok", "note": "info", "warn": "watch", "bad": "stop"}
    rows = [
        (words[c.status], c.name.to(language), c.value.to(language), c.fix.to(language) if c.fix else "")
        for c in checks
    ]
    terminal.show_doctor(rows, language, terminal.make_console())
    return code


def trusted(entries: Sequence[Trusted], what: Done, form: str, language: Language) -> int:
    """List what is trusted, or tell what now is or no longer is."""
    if form == "json":
        print_json({"exit_code": EXIT_OK, what: [asdict(one) for one in entries]})
        return EXIT_OK
    console = terminal.make_console()
    if not entries:
        terminal.show_line(Text("nothing is trusted", "没有受信任的内容").to(language), console)
    for one in entries:
        head, kind = _DONE[what].to(language), _TRUSTED_KINDS[one.kind].to(language)
        terminal.show_line(f"{head}{kind} {one.name}  sha256 {one.sha256}", console)
    return EXIT_OK


_DONE = {
    "trusted": Text("", ""),
    "added": Text("trusted as it is now: ", "按目前内容信任："),
    "removed": Text("no longer trusted: ", "不再信任："),
}
_TRUSTED_KINDS = {"recipe": Text("recipe", "配方"), "model": Text("model file", "模型文件")}
