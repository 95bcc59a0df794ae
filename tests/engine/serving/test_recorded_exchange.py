"""The files of recorded exchanges: they say what they are, can be read back, and hold nothing of the machine."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest

from tests.engine.serving.fake_server import FakeServer
from tests.engine.serving.record import written_as
from tests.engine.serving.recorded_exchange import RECORDED, read_exchange, record, recorded, write_exchange

FILES = sorted(RECORDED.glob("*.txt"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_read_as_it_is_written_and_names_its_server(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    exchange = read_exchange(text)
    assert read_exchange(write_exchange(exchange)) == exchange
    assert re.match(r"server: \S+ \S*\d", exchange.remarks[0])
    assert any(re.fullmatch(r"recorded: \d{4}-\d\d-\d\d", one) for one in exchange.remarks)
    assert not re.search(r"/(home|root|tmp|work|Users)/", text)
    assert len(text) < 25_000


def test_what_is_recorded_of_a_replayed_exchange_is_that_exchange() -> None:
    exchange = recorded("vllm-0.32-completion-all")
    headers = {name: value for name, value in exchange.request_headers if name != "content-type"}
    with FakeServer().replay(exchange) as server:
        again = asyncio.run(
            record(server.url, exchange.method, exchange.path, json.loads(exchange.body), exchange.remarks, headers)
        )
    assert [one.data for one in again.chunks] == [one.data for one in exchange.chunks]
    assert (again.body, again.status, again.request_headers) == (exchange.body, 200, exchange.request_headers)
    assert sorted(again.head) == sorted(exchange.head)


def test_a_text_of_the_machine_is_written_as_another_and_the_file_says_so() -> None:
    exchange = recorded("vllm-0.32-version")
    changed = written_as(exchange, "0.32.0", "0.3")
    assert changed.answer == b'{"version":"0.3"}'
    assert dict(changed.head)["content-length"] == str(len(changed.answer))
    assert "changed" in changed.remarks[-1]
    assert written_as(exchange, "nothing", "x") == exchange


def test_chunks_come_in_their_order_in_time() -> None:
    for path in FILES:
        moments = [chunk.ms for chunk in read_exchange(path.read_text(encoding="utf-8")).chunks]
        assert moments == sorted(moments)
        assert moments
