"""Records one exchange with a running server into `recorded/`.

python -m tests.engine.serving.record http://127.0.0.1:8000 vllm-0.33-completion-bare --path /v1/completions \
    --body '{"model": "demo", "prompt": "Hi", "stream": true}' --remark "server: vLLM 0.33.0, CPU"

Look at the file before it is committed: a folder of the machine is written as another (`--instead OLD=NEW`), which the
file then says itself. Nothing else is changed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime

from tests.engine.serving.recorded_exchange import RECORDED, RecordedExchange, record, write_exchange


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url")
    parser.add_argument("name")
    parser.add_argument("--path", required=True)
    parser.add_argument("--body", type=json.loads, help="JSON; without one the request is a GET")
    parser.add_argument("--header", action="append", default=[], metavar="NAME:VALUE")
    parser.add_argument("--remark", action="append", default=[], help="the first begins with `server: NAME VERSION`")
    parser.add_argument("--instead", action="append", default=[], metavar="OLD=NEW")
    given = parser.parse_args()
    remarks = (*given.remark, f"recorded: {datetime.now(UTC):%Y-%m-%d}")
    headers = dict(one.split(":", 1) for one in given.header)
    method = "GET" if given.body is None else "POST"
    exchange = asyncio.run(record(given.url, method, given.path, given.body, remarks, headers))
    for one in given.instead:
        exchange = written_as(exchange, *one.split("=", 1))
    (RECORDED / f"{given.name}.txt").write_text(write_exchange(exchange), encoding="utf-8")


def written_as(exchange: RecordedExchange, old: str, new: str) -> RecordedExchange:
    """The exchange with one text in its answer written as another, and a remark that says so."""
    chunks = tuple(replace(one, data=one.data.replace(old.encode(), new.encode())) for one in exchange.chunks)
    length = str(sum(len(one.data) for one in chunks))
    head = tuple((name, length if name == "content-length" else value) for name, value in exchange.head)
    remarks = (*exchange.remarks, f"changed: a text of the machine is written as {new}")
    return replace(exchange, chunks=chunks, head=head, remarks=remarks) if chunks != exchange.chunks else exchange


if __name__ == "__main__":
    main()
