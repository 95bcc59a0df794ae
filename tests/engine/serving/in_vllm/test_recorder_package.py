"""The rules of the recorder's package: what it may import, that nothing goes in a circle, how it is installed."""

from __future__ import annotations

import ast
import sys
import tomllib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import decodescope_recorder
from tests.test_rooms import imports_of

PACKAGE = Path(__file__).parents[4] / "engine" / "serving" / "in_vllm" / "decodescope_recorder"
FILES = sorted(PACKAGE.glob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_imports_msgspec_itself_and_the_standard_library(path: Path) -> None:
    """vLLM only by name, when it is needed."""
    roots = {name.split(".")[0] for name in imports_of(path)}
    assert roots <= sys.stdlib_module_names | {"msgspec", "decodescope_recorder"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_can_be_read_by_the_oldest_python_of_a_server(path: Path) -> None:
    assert ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 10)).body


def test_no_files_import_each_other_in_a_circle() -> None:
    modules = {f"decodescope_recorder.{path.stem}": path for path in FILES}
    graph = {
        module: {one for name in imports_of(path) for one in (name, name.rpartition(".")[0]) if one in modules}
        for module, path in modules.items()
    }
    assert any(graph.values())
    TopologicalSorter(graph).prepare()  # a CycleError names the circle


def test_what_is_tested_is_this_checkout() -> None:
    assert Path(decodescope_recorder.__file__).parent == PACKAGE


def test_a_wheel_holds_the_package_and_names_the_plug_in() -> None:
    project = tomllib.loads((PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"] == [PACKAGE.name]
    plugins = project["project"]["entry-points"]["vllm.stat_logger_plugins"]
    assert plugins == {"decodescope": "decodescope_recorder:RecordingStats"}
