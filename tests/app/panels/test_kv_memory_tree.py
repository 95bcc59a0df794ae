"""The page of all memory: every part and figure of `memory_tree`, at the peak of what is selected."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import cast

import pytest
from PySide6.QtWidgets import QApplication, QTreeWidgetItem
from pytestqt.qtbot import QtBot

from app.look import theme
from app.look.units import memory
from app.panels.kv_memory import KvMemoryPanel
from app.panels.kv_memory_tree import MARKS, ROW, colour_of, names_of
from engine.figures.memory import MemoryNode, memory_tree
from engine.session import schema
from engine.session.store import Session
from tests.app.panels.helpers import colour_at, show
from tests.app.panels.sessions import decode_run


def measured_run() -> Session:
    session = decode_run(20, "contiguous").session
    facts = {**json.loads(session.meta["model_config"]), "weight_bytes": 300_000, "ffn": 128, "vocab": 512}
    session.apply(
        [
            schema.SessionStarted({"model_config": json.dumps(facts), "device": "cpu"}),
            schema.DeviceSample(0, "cpu", "process_rss_bytes", 900_000.0),
        ]
    )
    return session


def drafting_run() -> Session:
    """The same beside a draft model, whose cache takes 20 kB at the third step."""
    session = measured_run()
    facts = {"name": "small", "weight_bytes": 120_000}
    session.apply([schema.SessionStarted({"draft_config": json.dumps(facts)})])
    session.steps["draft_kv_used_bytes"][3:] = 4000
    session.steps["draft_kv_reserved_bytes"][3:] = 20_000
    return session


def memory_page(qtbot: QtBot, session: Session) -> KvMemoryPanel:
    panel = cast(KvMemoryPanel, show(qtbot, KvMemoryPanel, session, 700, 420))
    panel.show_page("all")
    QApplication.processEvents()
    return panel


def texts(item: QTreeWidgetItem) -> dict[str, str]:
    found = {item.data(0, ROW): item.text(1)}
    for index in range(item.childCount()):
        found |= texts(item.child(index))
    return found


def expected(node: MemoryNode) -> dict[str, str]:
    found = {node.name: "not reported" if node.size is None else f"{memory(node.size)} {MARKS[node.provenance]}"}
    for part in node.parts:
        found |= expected(part)
    return found


def test_every_part_is_that_of_the_tree(qtbot: QtBot) -> None:
    session = measured_run()
    panel = memory_page(qtbot, session)
    root = panel.memory.tree.topLevelItem(0)
    assert root is not None
    assert texts(root) == expected(memory_tree(session))
    assert texts(root)["weights"] == f"{memory(300_000)} ●"
    assert texts(root)["used"] == f"{memory(2 * 20 * 128)} ●"
    assert texts(root)["unfilled"] == f"{memory(2 * 20 * 128)} ƒ"
    assert texts(root)["free"] == f"{memory(0)} ƒ"
    assert texts(root)["allocator"] == "not reported"
    names, rows = panel.rows()
    assert names == ["part", "bytes", "provenance"]
    assert ("total/kv/used", 2 * 20 * 128, "measured") in rows


def test_a_draft_model_has_its_own_rows(qtbot: QtBot) -> None:
    session = drafting_run()
    panel = memory_page(qtbot, session)
    root = panel.memory.tree.topLevelItem(0)
    assert root is not None
    shown = texts(root)
    assert shown == expected(memory_tree(session))
    assert shown["draft"] == f"{memory(140_000)} ƒ"
    assert shown["draft_weights"] == f"{memory(120_000)} ●"
    assert (shown["draft_kv"], shown["draft_kv_used"]) == (f"{memory(20_000)} ●", f"{memory(4000)} ●")
    names = [root.child(index).data(0, ROW) for index in range(root.childCount())]
    assert names == ["weights", "kv", "draft", "activations", "allocator", "rest"]
    rows = panel.rows()[1]
    assert ("total/draft/draft_kv/draft_kv_free", 16_000, "derived") in rows
    assert [name for _, name, _ in panel.memory.bar.parts] == names


def test_rows_are_those_of_the_session_shown_whether_it_has_a_draft_or_not(qtbot: QtBot) -> None:
    """A session with a draft model after one without, and the other way round."""
    panel = memory_page(qtbot, measured_run())
    for session in (drafting_run(), measured_run()):
        panel.show_session(session)
        panel.refresh()
        root = panel.memory.tree.topLevelItem(0)
        assert root is not None
        assert panel.memory.tree.topLevelItemCount() == 1
        assert texts(root) == expected(memory_tree(session))
        for index in range(root.childCount()):
            part = root.child(index)
            assert part.isExpanded() or not part.childCount()
            assert part.text(0) == panel.memory.label(part.data(0, ROW))


def test_parts_side_by_side_have_different_colours() -> None:
    """Those that some eyes take for one: orange beside yellow, blue beside purple or green, grey beside pink."""
    parts = [colour_of(part.name) for part in memory_tree(drafting_run()).parts]
    groups = theme.theme().groups
    assert len(set(parts)) == len(parts)
    alike = [("ffn", "prepare"), ("attention", "draft"), ("attention", "norm"), ("other", "sampling")]
    pairs = {frozenset(pair) for pair in pairwise(parts)}
    assert not pairs & {frozenset((groups[one], groups[other])) for one, other in alike}


def test_a_refresh_reads_only_the_samples_that_are_new(qtbot: QtBot) -> None:
    session = measured_run()
    panel = memory_page(qtbot, session)
    session.device_samples["name"][:] = "read already"
    session.apply([schema.DeviceSample(1, "cpu", "process_rss_bytes", 800_000.0)])
    panel.refresh()
    assert panel.memory.root is not None
    assert panel.memory.root.size == 900_000


def test_the_selection_limits_it(qtbot: QtBot) -> None:
    session = measured_run()
    panel = memory_page(qtbot, session)
    panel.context.selection.change(step=4)
    root = panel.memory.tree.topLevelItem(0)
    assert root is not None
    assert texts(root)["used"] == f"{memory(2 * 5 * 128)} ●"
    panel.context.selection.change(step=None, steps=(0, 9))
    root = panel.memory.tree.topLevelItem(0)
    assert root is not None
    assert texts(root)["used"] == f"{memory(2 * 10 * 128)} ●"


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_the_bar_is_in_proportion(qtbot: QtBot, scheme: theme.Scheme) -> None:
    theme.apply(scheme)
    panel = memory_page(qtbot, drafting_run())
    bar = panel.memory.bar
    sizes = {name: size for _, name, size in bar.parts}
    assert bar.boxes()[0].width() == pytest.approx(bar.width() * sizes["weights"] / sum(sizes.values()))
    for (_, name, _), box in zip(bar.parts, bar.boxes(), strict=True):
        if box.width() > 4:
            assert colour_at(bar, box.left() + 2, 1) == colour_of(name)


def test_every_part_says_what_it_is(qtbot: QtBot) -> None:
    session = drafting_run()
    panel = memory_page(qtbot, session)
    for name in names_of(memory_tree(session)):
        assert panel.memory.tip(name).endswith(".")
        assert panel.memory.label(name) != name or name in ("used", "evictable")
