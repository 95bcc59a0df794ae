"""The range check of a number that a user gives."""

from __future__ import annotations

from engine.errors import InputError


def check_range(name: str, value: float, low: float, high: float) -> None:
    """Raise InputError unless low <= value <= high."""
    if not low <= value <= high:
        raise InputError(f"{name} must be between {low} and {high}, not {value}.")
