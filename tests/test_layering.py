"""Imports run one way: a package imports from packages below it alone, and the part that serves needs no torch."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "ackd_deploy"
# From the ground up. Modules at the top of ackd_deploy, and the facade in its __init__, have rules of their own below.
LAYERS = (
    "tasks",
    "artifact",
    "runtime",
    "serving",
    "recipe",
    "run",
    "data",
    "quickstart",
    "models",
    "check",
    "training",
    "distill",
    "export",
    "experiments",
    "report",
    "deploy",
    "bulk",
    "cli",
)
# One block that installs without torch: the Bento and the image copy these folders.
SERVED = ("tasks", "artifact", "runtime", "serving")


def module_name(file: Path) -> str:
    return ".".join(file.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


FILES = {module_name(file): file for file in sorted(PACKAGE.rglob("*.py"))}


def imported_modules(module: str) -> set[str]:
    """All modules of this package that a module imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{module}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            while name and name not in FILES:
                name = name.rpartition(".")[0]
            if name.startswith("ackd_deploy") and name != module:
                found.add(name)
    return found


IMPORTS = {module: imported_modules(module) for module in FILES}


def layer(module: str) -> str:
    parts = module.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in LAYERS else "ground"


def test_every_folder_has_its_place():
    folders = {path.name for path in PACKAGE.iterdir() if path.is_dir() and any(path.glob("*.py"))}
    assert folders == set(LAYERS)


@pytest.mark.parametrize("module", sorted(FILES))
def test_no_import_runs_upwards(module: str):
    if module in ("ackd_deploy", "ackd_deploy.__main__"):
        return
    own = layer(module)
    height = -1 if own == "ground" else LAYERS.index(own)
    above = [name for name in IMPORTS[module] if layer(name) != "ground" and LAYERS.index(layer(name)) > height]
    assert above == []


def test_no_circle():
    """Between modules; a package's __init__ hands on what its modules define and is left out."""
    graph = {m: {n for n in found if not is_facade(n)} for m, found in IMPORTS.items() if not is_facade(m)}
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join([*path[path.index(module) :], module])
        if module not in done:
            for name in sorted(graph[module]):
                visit(name, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def is_facade(module: str) -> bool:
    return FILES[module].name == "__init__.py"


def test_what_serves_imports_nothing_to_train_with():
    heavy = {"torch", "transformers", "datasets", "optimum", "onnx", "sklearn", "matplotlib"}
    for module, file in FILES.items():
        if layer(module) not in SERVED:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not heavy & {name.partition(".")[0] for name in names}, module
