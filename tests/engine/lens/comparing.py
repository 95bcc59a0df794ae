"""Comparisons of two models without a process: their sessions."""

from __future__ import annotations

from pathlib import Path

from engine.core.settings import CompareSpec, Dtype, LoadSpec
from engine.lens.compare import Comparison
from engine.model.loader import LoadedModel, load_model
from engine.session.precision_fact import as_fact
from engine.session.schema import SessionStarted, StoredEvent
from engine.session.store import Session
from engine.session.writer import SessionWriter

TEXT = "The cat sits on the mat, and the dog asks why: 3.14 is not 22/7. Größe, 温度. "


def loaded(folder: Path, dtype: Dtype = "float32") -> LoadedModel:
    """A model on the CPU."""
    return load_model(LoadSpec(str(folder), device="cpu", dtype=dtype), lambda stage, fraction: None)


def spec(folder: Path, *, text: str = TEXT, window: int = 32, most: int = 100, layers: int = 60) -> CompareSpec:
    """A comparison with the model in a folder."""
    return CompareSpec(str(folder), text, "a text", "float32", window, most, layers)


def events_of(comparison: Comparison) -> list[StoredEvent]:
    """All that a comparison gives."""
    facts: list[StoredEvent] = [SessionStarted({"precision": as_fact(comparison.fact)})]
    return facts + [event for part in comparison.events() for event in part]


def session_of(comparison: Comparison, path: Path | None = None) -> Session:
    """The session of a comparison, and its file."""
    events = events_of(comparison)
    session = Session()
    session.apply(events)
    if path is not None:
        with SessionWriter(path) as writer:
            writer.append(events)
    return session
