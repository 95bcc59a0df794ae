"""Whether a command that ended did so as it should."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final, NoReturn
from xml.etree import ElementTree

from tests.fuzz.limits import SENTENCE
from tests.search.findings import Finding, Findings, unless

CONTROLS: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]")

NOTICES: Final = ("decodescope: tokens are drawn greedily; ", "decodescope: Weights in ")
"""What `record` says of a model that it can load, before a request may be refused."""


def judge(command: Sequence[str], status: int, out: bytes, err: bytes) -> Findings:
    """What is wrong with how a command ended."""
    said = err.decode("utf-8", "replace")
    if "Traceback (most recent call last)" in said:
        yield Finding(f"traceback {_place(said)}", said[-1500:])
        return
    yield from unless(status in (0, 2), f"status {status}", said[-600:])
    if status == 2:
        yield from _sentence(said)
    if status == 0:
        try:
            _read(command, out)
        except Exception as error:
            yield Finding(
                f"unreadable output {command[0]} {type(error).__name__}", f"{' '.join(command)}: {error}"[:600]
            )


def _sentence(said: str) -> Iterator[Finding]:
    lines = [line for line in said.splitlines() if line.startswith("decodescope: ") and not line.startswith(NOTICES)]
    yield from unless(len(lines) == 1, "not one sentence", said[-600:])
    yield from unless(len(said) <= SENTENCE, "a long sentence", said[:600])
    yield from unless(not CONTROLS.search(said), "control characters in a sentence", repr(said[:600]))


def _place(said: str) -> str:
    """Where a traceback ends in the program's own code, and with what: by this findings are counted."""
    own = re.findall(r'File "[^"]*/((?:app|engine|kernels)/[^"]+)", line (\d+)', said)
    last = next((line for line in reversed(said.splitlines()) if line and not line.startswith(" ")), "")
    return f"{':'.join(own[-1]) if own else '?'} {last.split(':')[0][:60]}"


def _read(command: Sequence[str], out: bytes) -> None:
    """Read what was written as its own readers would; raises whatever they do."""
    if "--json" in command:
        json.loads(out, parse_constant=_no_json)
    if "--to" in command:
        _READERS[command[command.index("--to") + 1]](Path(command[command.index("-o") + 1]))


def _no_json(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _chrome(path: Path) -> None:
    events = json.loads(path.read_bytes(), parse_constant=_no_json)["traceEvents"]
    if any("\ud800" <= letter <= "\udfff" for event in events for letter in str(event.get("name", ""))):
        raise ValueError("half of a surrogate pair in a name")


def _csv(folder: Path) -> None:
    csv.field_size_limit(2**31 - 1)
    for file in folder.glob("*.csv"):
        with file.open(encoding="utf-8", newline="") as stream:
            for row in csv.reader(stream):
                for cell in row:
                    if cell[:1] in ("=", "+", "-", "@", "\t", "\r") and not _is_number(cell):
                        raise ValueError(f"{file.name} has a cell that runs: {cell[:80]!r}")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


class _Tags(HTMLParser):
    """Refuses what a report never has of its own."""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given: dict[str, Any] = dict(attrs)
        source = given.get("src") or given.get("href") or ""
        if tag in ("script", "iframe", "object", "embed", "link") or (source and not source.startswith(("data:", "#"))):
            raise ValueError(f"the report has <{tag} {attrs}>")


def _html(path: Path) -> None:
    _Tags().feed(path.read_text(encoding="utf-8"))


def _png(path: Path) -> None:
    if not path.read_bytes().startswith(b"\x89PNG"):
        raise ValueError("no PNG")


def _svg(path: Path) -> None:
    ElementTree.parse(path)


def _perfetto(path: Path) -> None:
    if not path.stat().st_size:
        raise ValueError("an empty trace")


_READERS: Final = {"chrome": _chrome, "csv": _csv, "html": _html, "png": _png, "svg": _svg, "perfetto": _perfetto}
