"""Read an entry script's options from its source: `setup_parser()` and the `add_*_arguments()` it calls, across modules.

The trainer's modules import torch, so they are never imported here. The functions that build the parser are walked as
syntax trees instead. What cannot be evaluated is an error with its place, never a guess.
"""

from __future__ import annotations

import ast
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from orchestrator.core.errors import EnvironmentFault
from orchestrator.core.finding import Problem
from orchestrator.core.text import Text

if TYPE_CHECKING:
    from pathlib import Path

_PARSER_CLASS = "ArgumentParser"
_GROUP_METHODS = ("add_argument_group", "add_mutually_exclusive_group")
_KNOWN_KEYWORDS = ("type", "default", "choices", "nargs", "action", "const", "required", "dest", "help", "metavar")


class UnreadableParserError(EnvironmentFault):
    """The trainer's source builds its parser in a way this reader does not understand."""

    def __init__(self, place: str, what: str) -> None:
        fix = Text(
            "use the pinned commit, or a checkout whose files are all there",
            "请使用固定的提交，或使用文件完整的检出",
        )
        message = Text(
            f"the trainer's options cannot be read at {place}: {what}", f"无法在 {place} 读取训练器的选项：{what}"
        )
        super().__init__([Problem("unreadable-parser", message, fix=fix)])


@dataclass(frozen=True, slots=True)
class _Named:
    """A function, class or module that is only known by name: `str`, `pathlib.Path`, a nested `int_or_float`."""

    name: str


class _Parser:
    """Stands for the ArgumentParser, or one of its groups, while its functions are walked."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.defaults: dict[str, Any] = {}


@dataclass
class _Module:
    """Top-level names of one source file, by what they are bound to."""

    path: str
    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    imports: dict[str, tuple[str, str | None]] = field(default_factory=dict)
    """Local name -> (module, name inside it or None for the module itself)."""
    assigned: dict[str, ast.expr] = field(default_factory=dict)


class ParserReader:
    """Walks the parser functions of one checkout; parsed files are kept."""

    def __init__(self, checkout: Path) -> None:
        self._checkout = checkout
        self._modules: dict[str, _Module] = {}

    def read(self, entry: str) -> list[dict[str, Any]]:
        """Return the keyword arguments of every `add_argument` call of `entry`, in order, with `flags` and `source`.

        Types are names: `str`, `int`, `float`, `int_or_float`, `pathlib.Path`. Raises UnreadableParserError.
        """
        parser = self._call(self._module(entry), "setup_parser", [], {})
        if not isinstance(parser, _Parser):
            raise UnreadableParserError(f"{entry}.py", "setup_parser() returns no parser")
        for call in parser.calls:
            dest = call["dest"]
            if dest in parser.defaults:
                call["default"] = parser.defaults[dest]
        return parser.calls

    def _module(self, name: str) -> _Module:
        if name not in self._modules:
            relative = name.replace(".", "/") + ".py"
            path = self._checkout / relative
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # the trainer's invalid escapes are not ours to tell
                    tree = ast.parse(path.read_text(encoding="utf-8"))
            except (OSError, ValueError, SyntaxError) as error:
                raise UnreadableParserError(relative, str(error)) from error
            self._modules[name] = module = _Module(relative)
            _collect(tree.body, module)
        return self._modules[name]

    def _call(self, module: _Module, function: str, args: list[Any], keywords: dict[str, Any]) -> Any:
        """Walk `function` with its parameters bound; return what it returns."""
        definition = module.functions.get(function)
        if definition is None:
            raise UnreadableParserError(module.path, f"no function {function}()")
        names: dict[str, Any] = {}
        parameters = definition.args.posonlyargs + definition.args.args
        for parameter, default in zip(reversed(parameters), reversed(definition.args.defaults), strict=False):
            names[parameter.arg] = self._value(default, module, {})
        names.update(zip((p.arg for p in parameters), args, strict=False))
        names.update(keywords)
        missing = [p.arg for p in parameters if p.arg not in names]
        if missing:
            raise UnreadableParserError(
                f"{module.path}:{definition.lineno}", f"{function}() is called without {missing[0]}"
            )
        done, value = self._walk(definition.body, module, names)
        return value if done else None

    def _walk(self, body: list[ast.stmt], module: _Module, names: dict[str, Any]) -> tuple[bool, Any]:
        """Walk statements. Return (whether a return was met, its value)."""
        for statement in body:
            if isinstance(statement, ast.Return):
                return True, None if statement.value is None else self._value(statement.value, module, names)
            if isinstance(statement, ast.If):
                branch = statement.body if self._value(statement.test, module, names) else statement.orelse
                done, value = self._walk(branch, module, names)
                if done:
                    return True, value
            else:
                self._step(statement, module, names)
        return False, None

    def _step(self, statement: ast.stmt, module: _Module, names: dict[str, Any]) -> None:
        """Walk one statement that goes on to the next."""
        if isinstance(statement, ast.Expr):
            if not isinstance(statement.value, ast.Constant):  # a docstring
                self._value(statement.value, module, names)
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            names[statement.targets[0].id] = self._value(statement.value, module, names)
        elif isinstance(statement, ast.FunctionDef):
            names[statement.name] = _Named(statement.name)
        elif isinstance(statement, (ast.Import, ast.ImportFrom)):
            _collect([statement], module)
        elif not isinstance(statement, ast.Pass):
            raise UnreadableParserError(f"{module.path}:{statement.lineno}", f"{type(statement).__name__} statement")

    def _value(self, node: ast.expr, module: _Module, names: dict[str, Any]) -> Any:
        """Evaluate an expression: constants, lists, names, calls of parser functions."""
        place = f"{module.path}:{node.lineno}"
        if isinstance(node, ast.Constant):
            return node.value
        if isinstance(node, ast.Name):
            return self._name(node.id, module, names, place)
        if isinstance(node, ast.Attribute):
            return self._attribute(node, module, names, place)
        if isinstance(node, ast.Call):
            return self._call_expression(node, module, names, place)
        return self._composed(node, module, names, place)

    def _composed(self, node: ast.expr, module: _Module, names: dict[str, Any], place: str) -> Any:
        """Evaluate an expression that is made of others."""
        if isinstance(node, (ast.List, ast.Tuple)):
            return [self._value(item, module, names) for item in node.elts]
        if isinstance(node, ast.Dict):
            pairs = zip(node.keys, node.values, strict=True)
            return {self._value(k, module, names): self._value(v, module, names) for k, v in pairs if k is not None}
        if isinstance(node, ast.UnaryOp):
            return _unary(node, self._value(node.operand, module, names), place)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
            return self._value(node.left, module, names) + self._value(node.right, module, names)
        if isinstance(node, ast.JoinedStr):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        raise UnreadableParserError(place, f"{type(node).__name__} expression")

    def _name(self, name: str, module: _Module, names: dict[str, Any], place: str) -> Any:
        if name in names:
            return names[name]
        if name in module.assigned:
            return self._value(module.assigned[name], module, {})
        if name in module.imports:
            return self._imported(*module.imports[name])
        if name in ("str", "int", "float", "bool"):
            return _Named(name)
        raise UnreadableParserError(place, f"unknown name {name}")

    def _imported(self, source: str, inner: str | None) -> Any:
        """A name that another module gives: a constant of the checkout, or just a name."""
        if inner is None or not self._is_ours(source):
            return _Named(source if inner is None else f"{source}.{inner}")
        other = self._module(source)
        if inner in other.assigned or inner in other.imports:
            return self._name(inner, other, {}, other.path)
        return _Named(f"{source}.{inner}")

    def _attribute(self, node: ast.Attribute, module: _Module, names: dict[str, Any], place: str) -> Any:
        owner = self._value(node.value, module, names)
        if isinstance(owner, _Named):
            if self._is_ours(owner.name):
                other = self._module(owner.name)
                if node.attr in other.assigned or node.attr in other.imports:
                    return self._name(node.attr, other, {}, place)
            return _Named(f"{owner.name}.{node.attr}")
        raise UnreadableParserError(place, f"attribute {node.attr}")

    def _call_expression(self, node: ast.Call, module: _Module, names: dict[str, Any], place: str) -> Any:
        if isinstance(node.func, ast.Attribute):
            owner = self._value(node.func.value, module, names)
            if isinstance(owner, _Parser):
                return self._parser_method(owner, node, module, names)
            if isinstance(owner, dict) and node.func.attr in ("keys", "values"):
                return list(getattr(owner, node.func.attr)())
        args = [self._value(arg, module, names) for arg in node.args]
        keywords = {k.arg: self._value(k.value, module, names) for k in node.keywords if k.arg}
        if isinstance(node.func, ast.Name) and node.func.id in module.functions:
            return self._call(module, node.func.id, args, keywords)
        if isinstance(node.func, ast.Name) and node.func.id in ("list", "tuple", "sorted"):
            return sorted(args[0]) if node.func.id == "sorted" else list(args[0])
        target = self._value(node.func, module, names)
        if isinstance(target, _Named):
            source, _, function = target.name.rpartition(".")
            if function == _PARSER_CLASS:
                return _Parser()
            if self._is_ours(source):
                return self._call(self._module(source), function, args, keywords)
        raise UnreadableParserError(place, f"call of {ast.unparse(node.func)}()")

    def _parser_method(self, parser: _Parser, node: ast.Call, module: _Module, names: dict[str, Any]) -> Any:
        """`add_argument` is recorded; groups are the parser itself, for all that concerns a namespace."""
        method = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        place = f"{module.path}:{node.lineno}"
        if method in _GROUP_METHODS:
            return parser
        keywords: dict[str, Any] = {}
        for keyword in node.keywords:
            if keyword.arg is None or (method == "add_argument" and keyword.arg not in _KNOWN_KEYWORDS):
                raise UnreadableParserError(place, f"keyword {keyword.arg} of {method}()")
            if keyword.arg not in ("help", "metavar"):
                value = self._value(keyword.value, module, names)
                keywords[keyword.arg] = value.name if isinstance(value, _Named) else value
        if method == "set_defaults":
            parser.defaults.update(keywords)
            return None
        if method != "add_argument":
            raise UnreadableParserError(place, f"parser.{method}()")
        flags = [self._value(arg, module, names) for arg in node.args]
        long = next((flag for flag in flags if flag.startswith("--")), flags[0])
        keywords.setdefault("dest", long.lstrip("-").replace("-", "_"))
        parser.calls.append({**keywords, "flags": flags, "source": place})
        return None

    def _is_ours(self, module: str) -> bool:
        return bool(module) and (
            module in self._modules or (self._checkout / (module.replace(".", "/") + ".py")).is_file()
        )


def _unary(node: ast.UnaryOp, value: Any, place: str) -> Any:
    if isinstance(node.op, ast.USub):
        return -value
    if isinstance(node.op, ast.Not):
        return not value
    raise UnreadableParserError(place, f"{type(node.op).__name__} expression")


def _collect(body: list[ast.stmt], module: _Module) -> None:
    """Bind the names of top-level statements, those inside `try` and `if` too."""
    for statement in body:
        if isinstance(statement, ast.FunctionDef):
            module.functions[statement.name] = statement
        elif isinstance(statement, ast.Import):
            for alias in statement.names:
                # `import a.b` binds `a`; attributes lead on from there.
                module.imports[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0],
                    None,
                )
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            for alias in statement.names:
                module.imports[alias.asname or alias.name] = (statement.module, alias.name)
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            module.assigned[statement.targets[0].id] = statement.value
        elif isinstance(statement, (ast.If, ast.Try)):
            _collect(statement.body, module)
            _collect(statement.orelse, module)
