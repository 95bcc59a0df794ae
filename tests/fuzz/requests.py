"""Files of requests as nobody should write them."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any, Final

from tests.fuzz import hostile
from tests.fuzz.cases import Case
from tests.fuzz.kinds import put_something_else

GOOD: Final[tuple[dict[str, Any], ...]] = (
    {"prompt": "t3 t4", "max_new_tokens": 2},
    {"prompt": "t5", "max_new_tokens": 2, "arrival_s": 0.01, "temperature": 0.7, "top_p": 0.9, "top_k": 5, "min_p": 0.1,
     "seed": 3, "stop": ["t9"], "ignore_eos": True, "chat": False},
    {"messages": [{"role": "system", "content": "t1"}, {"role": "user", "content": "t2 t3"}], "max_new_tokens": 2},
)  # fmt: skip


def make(rng: random.Random, bases: Path, folder: Path) -> Case:
    """A file of requests, some of them bent, and a run of it."""
    path = folder / "requests.jsonl"
    lines = []
    for _ in range(rng.choice([1, 1, 2, 4])):
        one = rng.choice(GOOD)
        line = hostile.json_text(rng, one) if rng.random() < 0.7 else json.dumps(one)
        lines.append(json.dumps(one) if _comes_late(line) else line)
    data = rng.choice(["\n", "\n", "\r\n", "\r", "\n\n", " "]).join(lines).encode("utf-8", "surrogatepass")
    what = "lines bent"
    match rng.randrange(9):
        case 0:
            data, what = hostile.damaged(rng, data), "bytes damaged"
        case 1:
            data, what = rng.choice([b"\xef\xbb\xbf", b"\xff\xfe", b"\0"]) + data, "marked"
        case 2:
            many = rng.choice([1000, 150_000])  # the second are refused: a hundred thousand are a run of minutes
            data, what = (
                (json.dumps({"prompt": "t3", "max_new_tokens": 1, "arrival_s": 0.5}).encode() + b"\n") * many,
                f"{many} lines",
            )
        case 3:
            long = "t3 " * rng.choice([1000, 300_000, 3_000_000])
            data, what = json.dumps({"prompt": long, "stop": [long[:1000]]}).encode(), f"a prompt of {len(long)}"
        case _:
            pass
    path.write_bytes(data)
    if rng.random() < 0.06:
        what = f"in its place: {put_something_else(rng, path)}"
    asked = (
        "record",
        "--model",
        str(bases / "llama"),
        "--requests",
        str(path),
        "--threads",
        "1",
        "--max-new-tokens",
        "2",
    )
    return Case(
        what,
        path,
        ((*asked, *rng.choice([(), ("--chat",), ("--batching", "continuous"), ("--stop", "t9")]), "--json"),),
    )


def _comes_late(line: str) -> bool:
    """Whether a request arrives so late that waiting for it is what was asked for."""
    try:
        late = json.loads(line).get("arrival_s", 0)
    except (ValueError, RecursionError, AttributeError):
        return False
    return isinstance(late, int | float) and 1 < late <= 1e9
