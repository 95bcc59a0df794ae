"""Inputs that were found to do harm, as small files in `found/` that say how to make them again without a seed.

A recipe is a JSON object. `what` says what is wrong with the input, `of` which kind it is:

- `sessions`: `base` names one of the recorded sessions, `sql` is what is done to it, `commands` what then reads it;
- `checkpoints`: `base` names a model folder, `merge` what is merged into its JSON files (null takes a name out),
  `write` files as they are to stand there, `options` what `record` is told beside it;
- `requests`: `text` is the file.

A file's text is a text, or a list of [text, how often it is repeated]; half of a surrogate pair in it is written as
bytes that are no UTF-8.

In `commands`, {it} stands for the input and {out} for a path where output may be written.
"""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from pathlib import Path
from typing import Any, Final

from tests.fuzz.cases import WALK, Case, Make

FOUND: Final = Path(__file__).parent / "found"
READERS: Final = (
    "info {it}",
    "info {it} --json",
    "export {it} --to chrome -o {out}",
    "export {it} --to csv -o {out}.csv",
)
"""What reads a session, where its recipe names nothing else."""


def recipes() -> dict[str, dict[str, Any]]:
    """Every recipe, by its name."""
    return {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(FOUND.glob("*.json"))}


def maker(recipe: dict[str, Any]) -> Make:
    """What makes the case of a recipe, by the way of those that are drawn."""

    def make(rng: random.Random, bases: Path, folder: Path) -> Case:
        return _MAKERS[recipe["of"]](recipe, bases, folder)

    return make


def _session(recipe: dict[str, Any], bases: Path, folder: Path) -> Case:
    path = folder / "it.dscope"
    shutil.copyfile(bases / f"{recipe['base']}.dscope", path)
    db = sqlite3.connect(path, isolation_level=None)
    for statement in recipe["sql"]:
        db.execute(statement)
    db.execute("PRAGMA journal_mode = DELETE")
    db.close()
    listed = recipe.get("commands", READERS)
    typed = [
        tuple(word.format(it=path, out=folder / f"out-{number}") for word in ([one] if one == WALK else one.split()))
        for number, one in enumerate(listed)
    ]
    return Case(recipe["what"], path, tuple(typed))


def _checkpoint(recipe: dict[str, Any], bases: Path, folder: Path) -> Case:
    target = folder / "model"
    shutil.copytree(bases / recipe["base"], target)
    for name, change in recipe.get("merge", {}).items():
        path = target / name
        known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        path.write_text(json.dumps(merged(known, change)), encoding="utf-8")
    for name, text in recipe.get("write", {}).items():
        write(target / name, text)
    options = recipe.get("options", ["--prompt", "t5 t6"])
    return Case(
        recipe["what"], target,
        (("record", "--model", str(target), "--max-new-tokens", "3", "--threads", "1", *options, "--json"),),
    )  # fmt: skip


def write(path: Path, text: str | list[tuple[str, int]]) -> None:
    """Write what a recipe says is a file's text."""
    whole = text if isinstance(text, str) else "".join(part * times for part, times in text)
    path.write_text(whole, encoding="utf-8", errors="surrogatepass")


def merged(known: Any, change: Any) -> Any:
    """A JSON value into which another was merged: objects name by name, all else in place of what was there."""
    if not isinstance(known, dict) or not isinstance(change, dict):
        return change
    kept = {name: one for name, one in known.items() if change.get(name, one) is not None}
    return kept | {name: merged(known.get(name), one) for name, one in change.items() if one is not None}


def _requests(recipe: dict[str, Any], bases: Path, folder: Path) -> Case:
    path = folder / "requests.jsonl"
    write(path, recipe["text"])
    asked = ("record", "--model", str(bases / "llama"), "--requests", str(path), "--threads", "1", "--json")
    return Case(recipe["what"], path, (asked,))


_MAKERS: Final = {"sessions": _session, "checkpoints": _checkpoint, "requests": _requests}
