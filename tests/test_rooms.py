"""The rules of the rooms (ARCHITECTURE.md): who may import whom. Tested on the source and on what really loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TOPS = ("kernels", "engine", "app")
QT = {"PySide6", "shiboken6", "pyqtgraph"}
TORCH_FREE = [
    "engine.errors",
    "engine.core.settings",
    "engine.session.schema",
    "engine.session.store",
    "engine.host.protocol",
    "engine.host.quantising",
]
ROOMS = """
kernels:
engine:
engine.session: engine
engine.core: engine engine.session
engine.figures: engine.session engine.core
engine.export: engine engine.session engine.figures
engine.importing: engine engine.session
engine.gguf: engine
engine.model: kernels engine engine.session engine.core engine.gguf
engine.cache: engine.session engine.core engine.model
engine.attention: kernels engine.core engine.model engine.cache
engine.sampling: kernels engine.core
engine.measure: kernels engine engine.session engine.core engine.model
engine.graphs: kernels engine.session engine.core engine.model engine.cache engine.attention engine.sampling
    engine.measure
engine.decode: kernels engine engine.session engine.core engine.model engine.cache engine.attention engine.sampling
    engine.measure engine.graphs
engine.lens: engine engine.session engine.core engine.model engine.cache engine.attention engine.graphs engine.decode
engine.host: engine engine.session engine.core engine.gguf engine.model engine.measure engine.decode
    engine.lens
engine.client: engine engine.session engine.core engine.figures engine.host
engine.serving: engine engine.session engine.core engine.model engine.host engine.client
app.look: engine engine.export
app.core: engine engine.session engine.model app.look
app.start: engine app.core
app.models: engine engine.session engine.core engine.figures engine.client app.look app.core
app.widgets: engine engine.session engine.core engine.figures engine.model app.look app.core app.models
app.dialogs: engine.core app.look app.models app.widgets
app.panels: engine engine.session engine.core engine.figures engine.client app.look app.core app.models
    app.widgets
app.window: engine engine.session engine.core engine.figures engine.export engine.importing engine.host
    engine.client engine.serving
    app.look app.core app.start app.models app.widgets app.dialogs app.panels
app.cli: engine engine.session engine.core engine.gguf engine.figures engine.export engine.importing engine.host
    engine.client engine.serving
    app.look app.start app.models app.panels app.window
app: engine app.start app.window app.cli
"""
"""Every room, from the bottom up, and the rooms it imports. ARCHITECTURE.md shows the same table."""
ALLOWED: dict[str, set[str]] = {
    room: set(allowed.split())
    for room, _, allowed in (line.partition(":") for line in ROOMS.replace("\n    ", " ").strip().splitlines())
}


def imports_of(path: Path) -> set[str]:
    """Every module a file imports anywhere in it, as dotted names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} uses a relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
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


def room_of(module: str) -> str | None:
    """The room of a module by its dotted name: its folder, dotted; None where it is none of ours."""
    parts = module.split(".")
    if parts[0] not in ("engine", "app", "kernels"):
        return None
    if parts[0] == "kernels" or len(parts) < 2 or not (ROOT / parts[0] / parts[1]).is_dir():
        return parts[0]
    return ".".join(parts[:2])


def real_edges() -> dict[str, set[str]]:
    """What each room imports of the others, read from the source; functions' own imports count."""
    edges: dict[str, set[str]] = {room: set() for room in ALLOWED}
    for top in ("engine", "app", "kernels"):
        for path in files(top):
            own = room_of(".".join(path.relative_to(ROOT).with_suffix("").parts))
            assert own is not None
            for name in imports_of(path):
                other = room_of(name)
                if other is not None and other != own:
                    edges.setdefault(own, set()).add(other)
    return edges


def test_rooms_import_what_the_list_allows_and_nothing_else() -> None:
    assert real_edges() == ALLOWED


def test_no_room_imports_one_that_stands_above_it() -> None:
    seen: set[str] = set()
    for room, allowed in ALLOWED.items():
        assert allowed <= seen, f"{room} imports {allowed - seen}, which stand above it"
        seen.add(room)


def test_no_files_import_each_other_in_a_circle() -> None:
    """Not even for types, or inside a function."""
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts): path for top in TOPS for path in files(top)}
    graph = {
        module: {one for name in imports_of(path) for one in (name, name.rpartition(".")[0]) if one in modules}
        for module, path in modules.items()
    }
    TopologicalSorter(graph).prepare()  # a CycleError names the circle


def test_architecture_draws_the_same_list() -> None:
    table: dict[str, set[str]] = {}
    for line in (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `") and len(cells) == 3 and cells[0].strip("`/").replace("/", ".") in ALLOWED:
            names = {name.strip("`/ ").replace("/", ".") for name in cells[2].split(",")}
            table[cells[0].strip("`/").replace("/", ".")] = names & ALLOWED.keys()
    assert table == ALLOWED


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
