"""ARCHITECTURE.md's walk of one token names real functions, at most 30, in the order in which the engine calls them."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from engine.core.settings import Observation, RequestSpec, RunSpec, Switches
from engine.decode.engine import Engine
from engine.model.loader import LoadedModel

ROOT = Path(__file__).parents[2]
LINE = re.compile(r"\| \d+ \| `([\w/]+\.py): ([\w.]+)` \|")
IN_A_STEP = 25
"""So many of them are called by `Engine.step()`; the others stand on the way from there to the screen."""


def walk() -> list[tuple[str, str]]:
    """(file, qualified name) of each function, as the document lists them."""
    return LINE.findall((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8"))


def defined_in(path: Path) -> set[str]:
    """The qualified names of a file's functions and methods."""
    found = set()
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return found


def test_the_walk_is_short_and_every_function_is_there() -> None:
    steps = walk()
    assert IN_A_STEP < len(steps) <= 30
    assert [one for one in steps if one[1] not in defined_in(ROOT / one[0])] == []


def test_a_step_calls_them_in_this_order(tiny_model: LoadedModel) -> None:
    switches = Switches(kv="paged", attention="sdpa", batching="continuous")
    run = RunSpec((RequestSpec("one two three", 6, ignore_eos=True),), switches, Observation("phase"))
    engine = Engine(tiny_model, run, {}, lambda events: None)
    engine.begin(0)
    engine.step()  # the prompt
    called: list[tuple[str, str]] = []

    def note(frame: FrameType, event: str, _argument: Any) -> None:
        path = Path(frame.f_code.co_filename)
        if event == "call" and path.is_relative_to(ROOT):
            called.append((path.relative_to(ROOT).as_posix(), frame.f_code.co_qualname))

    sys.setprofile(note)
    try:
        engine.step()
    finally:
        sys.setprofile(None)
    wanted = walk()[:IN_A_STEP]
    order = [one for one in dict.fromkeys(called) if one in wanted]
    assert order == wanted
