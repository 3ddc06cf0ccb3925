"""Code and device identity: what a result is attributed to besides its job."""

import ast
import hashlib
import platform
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
# The modules that decide a framework's result, besides its backend.
DECIDING = (
    *("study/semantics", "study/trial", "datasets/dataset_file", "training/arrays", "training/draws", "training/loop"),
    "training/state",
    *("job/checkpoint", "results/trial_file", "common/files", "study/identity"),
    *("common/environment", "training/backends/__init__"),
)


@cache
def code_sha256(framework: str) -> str:
    """SHA-256 over the syntax of the modules that decide a framework's result, without comments and docstrings."""
    other = {"pytorch": "tensorflow", "tensorflow": "pytorch"}[framework]
    return syntax_sha256(*DECIDING, f"training/backends/{framework}", f"training/backends/{framework}_as_{other}")


@cache
def syntax_sha256(*modules: str) -> str:
    """SHA-256 over the syntax of modules of this package, without comments and docstrings."""
    digest = hashlib.sha256()
    for module in modules:
        tree = ast.parse((PACKAGE / f"{module}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list) and body and _is_text(body[0]):
                node.body = body[1:] or [ast.Pass()]
        digest.update(f"{module}\n{ast.unparse(tree)}\n".encode())
    return digest.hexdigest()


def _is_text(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


@cache
def cpu() -> str:
    """The CPU as numeric kernels dispatch on it, for example `cpu x86_64 AuthenticAMD avx512`."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    fields = dict(reversed([[part.strip() for part in line.split(":", 1)] for line in lines if ":" in line]))
    flags = set(fields.get("flags", "").split())
    widest = next((level for level in ("amx_tile", "avx512f", "avx2", "avx") if level in flags), "")
    return " ".join(part for part in ("cpu", platform.machine(), fields.get("vendor_id", ""), widest) if part)
