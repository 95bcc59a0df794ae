"""The texts of token ids: every id that a session shows has one, told once and kept in the file."""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from engine.core.settings import LoadSpec, RequestSpec, RunSpec, Switches
from engine.decode.token_texts import TokenTexts
from engine.errors import SessionFileError
from engine.figures.detail_figures import emitted
from engine.figures.token_facts import TokenNames, shown_text, token_facts
from engine.model.fast_tokenizer import FastTokenizer
from engine.model.loader import LoadedModel, load_model
from engine.model.tokenizer import Tokenizer
from engine.session.file import SessionWriter, open_session
from engine.session.reader import SessionFile
from engine.session.schema import AnyEvent, Token, TokenText
from engine.session.store import Session
from tests.engine.drive import drive, session_of
from tests.engine.model.test_tokenizer import byte_level
from tests.engine.session.synthetic import synthetic_events


@pytest.fixture(scope="module")
def demo() -> LoadedModel:
    return load_model(LoadSpec("demo", device="cpu", dtype="float32"), lambda stage, fraction: None)


@pytest.fixture(scope="module")
def told(demo: LoadedModel) -> list[AnyEvent]:
    requests = tuple(RequestSpec(prompt, 12, ignore_eos=True) for prompt in ("The cat sits on", "Once upon", "The cat"))
    return drive(demo, RunSpec(requests, Switches(batching="continuous")))


def shown_ids(session: Session) -> set[int]:
    ids = {token for request in session.requests.values() for token in request.prompt_token_ids}
    ids |= set(session.tokens["token_id"].tolist())
    for token in session.tokens["id"].tolist():
        ids |= set(session.details.alternatives(token)[0].tolist())
    return ids


def test_every_id_that_is_shown_has_its_text_told_once(demo: LoadedModel, told: list[AnyEvent]) -> None:
    session = session_of(told)
    assert session.token_texts == {one: demo.tokenizer.token_text(one) for one in shown_ids(session)}
    assert set(Counter(one.token_id for one in told if isinstance(one, TokenText)).values()) == {1}
    seen: set[int] = set()
    for event in told:  # whoever reads a token finds the texts of its alternatives
        if isinstance(event, TokenText):
            seen.add(event.token_id)
        elif isinstance(event, Token):
            count = len(event.alternatives) // 8
            assert {event.token_id, *np.frombuffer(event.alternatives, np.int32, count).tolist()} <= seen


def test_alternatives_are_texts_in_the_facts_and_in_info(told: list[AnyEvent]) -> None:
    session = session_of(told)
    names = TokenNames(session)
    names.update()
    assert names.names == {}
    facts = token_facts(session, 5, names.names)
    assert [one.text for one in facts.alternatives] == [session.token_texts[one.token_id] for one in facts.alternatives]
    of_info = emitted(session, (0, len(session.steps) - 1))[5]["alternatives"]
    assert [one["text"] for one in of_info] == [one.text for one in facts.alternatives]


def test_the_file_keeps_them_and_a_file_from_before_opens_without(told: list[AnyEvent], tmp_path: Path) -> None:
    path = tmp_path / "run.dscope"
    with SessionWriter(path) as writer:
        writer.append(told)
    kept = open_session(path)
    assert kept.token_texts == session_of(told).token_texts
    assert isinstance(kept.source, SessionFile)
    kept.source.close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("DROP TABLE token_texts")
        db.commit()
    older = open_session(path)
    assert isinstance(older.source, SessionFile)
    names = TokenNames(older)
    names.update()
    facts = token_facts(older, 0, names.names)
    assert facts.shown == facts.text
    chosen = next(one for one in facts.alternatives if one.chosen)
    assert chosen.text == facts.text
    older.source.close()


@pytest.mark.parametrize("change", ["UPDATE token_texts SET text = x'00'", "UPDATE token_texts SET token_id = -5"])
def test_what_is_no_text_of_a_token_is_refused(told: list[AnyEvent], tmp_path: Path, change: str) -> None:
    path = tmp_path / "run.dscope"
    with SessionWriter(path) as writer:
        writer.append(told)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"{change} WHERE token_id = (SELECT max(token_id) FROM token_texts)")
        db.commit()
    with pytest.raises(SessionFileError, match="the text of token"):
        open_session(path)


class Counting(FastTokenizer):
    """Counts the texts that it was asked for."""

    asked = 0

    def decode(self, ids: list[int], skip_special_tokens: bool) -> str:
        self.asked += 1
        return super().decode(ids, skip_special_tokens)


def test_bytes_of_a_character_can_be_read_and_a_known_id_costs_no_call() -> None:
    fast = Counting(byte_level())
    texts = TokenTexts(Tokenizer(fast, None, None, frozenset()))
    pieces = ("ä¸Ń", "ä", "Ġ", "a")  # 中 whole or its first byte, a space, a letter, as the vocabulary writes them
    ids = [found for piece in pieces if (found := fast.token_to_id(piece)) is not None]
    first_byte = fast.token_to_id("ä")
    assert first_byte is not None
    found = {one.token_id: one.text for one in texts.of(ids)}
    assert found[first_byte] == "<0xE4>"
    assert " " in found.values()
    asked = fast.asked
    alternatives = np.array([first_byte, ids[-1]], np.int32).tobytes() + np.zeros(2, np.float32).tobytes()
    token = Token(0, 0, 0, 1, ids[-1], "a", -0.5, 0.5, "target", 10, alternatives)
    assert texts.of_tokens([token]) + texts.of_alternatives([token]) == []
    assert fast.asked == asked


def test_a_token_that_adds_nothing_to_the_text_is_shown_by_itself() -> None:
    session = Session()

    for batch in synthetic_events(2):
        session.apply(batch)
    session.apply([TokenText(77, "<0xE4>"), Token(2, 0, 1, 90, 77, "", -0.5, 0.5, "target", 10**9, b"")])
    assert shown_text(session, 2) == "<0xE4>"
    assert token_facts(session, 2, {}).shown == "<0xE4>"
