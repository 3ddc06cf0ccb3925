"""The identity of code: what a result is attributed to besides its job."""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from uncrossed.training.architectures import Architecture

PACKAGE = Path(__file__).parents[1]
ROOM = "uncrossed.training"


def code_sha256(framework: str, architecture: Architecture, optimizer: str) -> str:
    """SHA-256 over the code that decides the bits of a framework's trainings of an architecture with an optimizer.

    That is the loop, the framework's backend, the optimizer and what these import of the room `training`, and the
    architecture's own file; of each the syntax, without comments, docstrings and what errors say.
    """
    return _sha256(framework, architecture.path, optimizer)


@cache
def _sha256(framework: str, architecture: Path, optimizer: str) -> str:
    digest = hashlib.sha256()
    for name, path in (*_used(framework, optimizer).items(), ("architecture", architecture)):
        digest.update(f"{name}\n{_syntax(path)}\n".encode())
    return digest.hexdigest()


@cache
def _used(framework: str, optimizer: str) -> dict[str, Path]:
    """The modules of the room that a framework's trainings with an optimizer use, sorted by name."""
    found: dict[str, Path] = {}
    waiting = [f"{ROOM}.loop", f"{ROOM}.backends.{framework}", f"{ROOM}.optimizers.{optimizer}"]
    while waiting:
        name = waiting.pop()
        path = _path(name)
        if path and name not in found:
            found[name] = path
            waiting += _imported(path)
    return dict(sorted(found.items()))


def _path(module: str) -> Path | None:
    """A module's file, if it is one of the room's."""
    if not module.startswith(f"{ROOM}."):
        return None
    path = PACKAGE.joinpath(*module.split(".")[1:])
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _imported(path: Path) -> Iterator[str]:
    """The modules that a module imports, and what may be a module."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{name.name}" for name in node.names)


class _Bare(ast.NodeTransformer):
    """Removes what decides nothing: docstrings, and what an exception is told."""

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_text(body[0]):
            node.body = body[1:] or [ast.Pass()]
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.exc, ast.Call):
            node.exc.args, node.exc.keywords = [], []
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        # Written as it is: Python 3.11 and later versions would choose different quotes.
        return ast.Name(self._formatted(node))

    def _formatted(self, node: ast.JoinedStr) -> str:
        """An f-string in the first quotes that its parts leave free, as Python 3.11 writes it."""
        parts, quotes = [self._part(value) for value in node.values], ["'", '"', '"""', "'''"]
        for part in filter(None, parts):
            quotes = [quote for quote in quotes if quote not in part and (len(quote) == 3 or "\n" not in part)]
            quotes.sort(key=lambda quote, last=part[-1]: quote[0] == last)
        text = "".join(parts)
        return f"f{quotes[0]}{text}{quotes[0]}" if quotes else f"f{text!r}"

    def _part(self, node: ast.expr) -> str:
        if isinstance(node, ast.Constant):
            text = node.value.replace("{", "{{").replace("}", "}}")
            return "".join(c if c.isprintable() and c != "\\" else c.encode("unicode_escape").decode() for c in text)
        text = ast.unparse(self.visit(node.value))
        if isinstance(node.value, ast.Lambda | ast.IfExp):
            text = f"({text})"
        text = f" {text}" if text.startswith("{") else text
        conversion = f"!{chr(node.conversion)}" if node.conversion != -1 else ""
        width = ":" + "".join(map(self._part, node.format_spec.values)) if node.format_spec else ""
        return f"{{{text}{conversion}{width}}}"


def _syntax(path: Path) -> str:
    return ast.unparse(_Bare().visit(ast.parse(path.read_bytes())))


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
