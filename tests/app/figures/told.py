"""What `info --json` tells of a session and of ranges of its steps, and which of its values were asked for."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

from app.main import main

Steps = tuple[int, int] | None
Asked = dict[tuple[Steps, str], Any]
"""Values that were looked at, by the range and the path that leads to them: `latency.a_token.total.mean_s`."""


class Told:
    """A plain object of the command line, read as attributes and items; every value that is read is written down."""

    def __init__(self, value: Any, steps: Steps, asked: Asked, path: str = "") -> None:
        self._value, self._steps, self._asked, self._path = value, steps, asked, path

    def __getattr__(self, name: str) -> Any:
        return self[name]

    def __getitem__(self, key: str | int) -> Any:
        name = str(key) if isinstance(self._value, dict) else key
        path = f"{self._path}.{key}" if self._path else str(key)
        return self._of(self._value[name], path)

    def __len__(self) -> int:
        self._asked[self._steps, f"len({self._path})"] = len(self._value)
        return len(self._value)

    def __iter__(self) -> Any:
        keys = self._value if isinstance(self._value, dict) else range(len(self._value))
        return (key if isinstance(self._value, dict) else self[key] for key in keys)

    def _of(self, value: Any, path: str) -> Any:
        if isinstance(value, dict | list):
            return Told(value, self._steps, self._asked, path)
        self._asked[self._steps, path] = value
        return value


class CommandLine:
    """`decodescope info SESSION --json [--steps FIRST:LAST]`, each asked once."""

    def __init__(self, session: Path) -> None:
        self._session = session
        self._answers: dict[Steps, Told] = {}
        self.asked: Asked = {}

    def info(self, steps: Steps = None) -> Told:
        """What it says of a range of steps, or of everything."""
        if steps not in self._answers:
            words = [] if steps is None else ["--steps", f"{steps[0]}:{steps[1]}"]
            out = io.StringIO()
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
                status = main(["info", str(self._session), "--json", *words])
            if status:
                raise LookupError(f"the session has no steps {steps}")
            self._answers[steps] = Told(json.loads(out.getvalue()), steps, self.asked)
        return self._answers[steps]
