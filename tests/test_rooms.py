"""The rules of the rooms (ARCHITECTURE.md): who may import whom. Tested on the source and on what really loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
QT = {"PySide6", "shiboken6", "pyqtgraph"}
TORCH_FREE = [
    "engine.errors",
    "engine.decode.settings",
    "engine.session.schema",
    "engine.session.store",
    "engine.host.protocol",
]


def imports_of(path: Path) -> set[str]:
    """Every module a file imports anywhere in it, as dotted names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            found.add(node.module or "")
    return found


def files(room: str) -> list[Path]:
    found = sorted((ROOT / room).rglob("*.py"))
    assert found
    return found


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imports_of(path)}


@pytest.mark.parametrize("path", files("engine"), ids=lambda p: str(p.relative_to(ROOT)))
def test_engine_imports_no_qt_and_nothing_of_app(path: Path) -> None:
    assert not roots(path) & (QT | {"app"})


@pytest.mark.parametrize("path", files("kernels"), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_kernel_file_imports_nothing_of_engine_or_app(path: Path) -> None:
    assert not roots(path) & (QT | {"engine", "app"})


@pytest.mark.parametrize("path", files("app"), ids=lambda p: str(p.relative_to(ROOT)))
def test_app_imports_no_torch(path: Path) -> None:
    assert not roots(path) & {"torch", "triton", "kernels", "transformers"}


def loaded_by(modules: list[str]) -> set[str]:
    """Top-level packages that are loaded once these modules are imported, in a fresh interpreter."""
    code = (
        f"import importlib, sys\nfor name in {modules!r}: importlib.import_module(name)\n"
        "print(' '.join(sorted({n.split('.')[0] for n in sys.modules})))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(out.stdout.split())


def module_names(room: str) -> list[str]:
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in files(room)
        if path.name not in ("__init__.py", "__main__.py")
    ]


def test_importing_the_whole_app_loads_no_torch() -> None:
    assert not loaded_by(module_names("app")) & {"torch", "triton"}


def test_what_the_app_needs_of_the_engine_loads_no_torch() -> None:
    rooms = [name for name in module_names("engine") if name.split(".")[1] in ("session", "export")]
    assert not loaded_by([*TORCH_FREE, *rooms, "engine.host.process"]) & {"torch", "triton"} | (
        loaded_by([*TORCH_FREE, *rooms]) & QT
    )


def test_importing_the_whole_engine_loads_no_qt() -> None:
    names = [name for name in module_names("engine") if not name.startswith("engine.host.child")]
    assert not loaded_by(names) & QT


def test_the_command_line_loads_neither_qt_nor_torch() -> None:
    modules = [name for name in module_names("app") if name.startswith(("app.main", "app.cli."))]
    assert not loaded_by(modules) & (QT | {"torch"})


def test_only_the_five_folders_stand_at_the_top() -> None:
    out = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()
    folders = {path.split("/")[0] for path in out if "/" in path and not path.startswith(".")}
    assert folders == {"app", "engine", "kernels", "assets", "tests"}
