"""Numbers of things in words: "1 step", "12 steps"."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication

from app.look.units import count


def steps(n: int) -> str:
    """How many steps."""
    one, many = QCoreApplication.translate("Counted", "1 step"), QCoreApplication.translate("Counted", "{} steps")
    return _words(n, one, many)


def all_steps(n: int) -> str:
    """That all steps are meant, and how many they are."""
    return steps(1) if n == 1 else QCoreApplication.translate("Counted", "all {} steps").format(count(n))


def tokens(n: int) -> str:
    """How many tokens."""
    one, many = QCoreApplication.translate("Counted", "1 token"), QCoreApplication.translate("Counted", "{} tokens")
    return _words(n, one, many)


def requests(n: int) -> str:
    """How many requests."""
    one, many = QCoreApplication.translate("Counted", "1 request"), QCoreApplication.translate("Counted", "{} requests")
    return _words(n, one, many)


def layers(n: int) -> str:
    """How many layers."""
    one, many = QCoreApplication.translate("Counted", "1 layer"), QCoreApplication.translate("Counted", "{} layers")
    return _words(n, one, many)


def rows(n: int) -> str:
    """How many rows."""
    one, many = QCoreApplication.translate("Counted", "1 row"), QCoreApplication.translate("Counted", "{} rows")
    return _words(n, one, many)


def outliers(n: int) -> str:
    """How many outliers."""
    one, many = QCoreApplication.translate("Counted", "1 outlier"), QCoreApplication.translate("Counted", "{} outliers")
    return _words(n, one, many)


def _words(n: int, one: str, many: str) -> str:
    return one if n == 1 else many.format(count(n))
