"""Which switches were in force at a step."""

from __future__ import annotations

from typing import Any

from engine.session.store import Session


def switches_at(session: Session, step: int) -> dict[str, Any]:
    """The switches in force at a step; empty where the session does not say."""
    config_id = int(session.steps["config_id"][step])
    return next((config.switches for config in reversed(session.configs) if config.id == config_id), {})
