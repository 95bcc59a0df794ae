"""A session whose content makes no sense is refused in one sentence, however it came to be so."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from engine.errors import SessionFileError
from engine.export.tables import write_tables
from engine.figures.json_figures import json_figures
from engine.session.file import SessionFile, open_session
from tests.engine.session.editing import edited, written
from tests.engine.session.synthetic import synthetic_events

EDITS = [
    ("UPDATE meta SET value = '{x' WHERE key = 'model_config'", "Expecting property name"),
    ("UPDATE meta SET value = '[1]' WHERE key = 'ceilings'", "the fact ceilings is no JSON object"),
    ("UPDATE meta SET value = x'00' WHERE key = 'device'", "the fact 'device' is no text"),
    ("UPDATE meta SET value = '{\"layers\": \"two\"}' WHERE key = 'model_config'", "the model's layers is no size"),
    ("UPDATE meta SET value = '[1]' WHERE key = 'draft_config'", "the fact draft_config is no JSON object"),
    (
        "UPDATE meta SET value = '{\"weight_bytes\": -1}' WHERE key = 'draft_config'",
        "the draft model's weight_bytes is no",
    ),
    (
        "UPDATE meta SET value = '{\"weight_reads\": {\"qkv\": 1}}' WHERE key = 'model_config'",
        "what a pass reads of the model's weights is no size",
    ),
    (
        "UPDATE meta SET value = '{\"weight_reads\": 7}' WHERE key = 'draft_config'",
        "of the draft model's weights is no size",
    ),
    ("UPDATE steps SET draft_kv_used_bytes = -1 WHERE id = 3", "steps.draft_kv_used_bytes should be"),
    ("UPDATE configs SET json = '[]'", "a setting of the switches is no JSON object"),
    ("UPDATE configs SET id = 5", "settings of the switches are missing"),
    ("UPDATE requests SET params = 'null'", "the parameters of request 0 are no JSON object"),
    ("UPDATE requests SET prompt_token_texts = '[1]'", "the tokens of request 0 are no texts"),
    ("UPDATE requests SET scheduled_ns = x'00'", "a time of request 0 is none"),
    ("UPDATE steps SET config_id = 9999 WHERE id = 3", "steps.config_id should be from 0 to 0"),
    ("UPDATE steps SET config_id = 1e300 WHERE id = 3", "the column config_id holds what is no whole number"),
    ("UPDATE steps SET start_ns = -1 WHERE id = 3", "steps.start_ns should be"),
    ("UPDATE steps SET end_ns = 0 WHERE id = 3", "a step ends before it starts"),
    ("UPDATE steps SET kv_reserved_bytes = 9223372036854775807 WHERE id = 3", "steps.kv_reserved_bytes should be"),
    ("UPDATE steps SET attention_kernel = x'00' WHERE id = 3", "the column attention_kernel holds what is no text"),
    ("DELETE FROM steps WHERE id = 3", "steps are missing"),
    ("UPDATE tokens SET step_id = 9999 WHERE id = 3", "tokens.step_id should be from 0 to 19"),
    ("UPDATE tokens SET text = x'00' WHERE id = 3", "the column text holds what is no text"),
    ("UPDATE work SET step_id = -1 WHERE step_id = 3", "work.step_id should be"),
    ("UPDATE work SET slot = 9223372036854775807 WHERE step_id = 3", "work.slot should be"),
    ("INSERT INTO kv_blocks VALUES (0, 0, 1000000000, 'allocate', 0, '')", "kv_blocks.block should be from 0 to 1"),
    ("INSERT INTO attention VALUES (0, 'first', 0, 0, 0, x'0000')", "an attention row names no request"),
    ("INSERT INTO marks VALUES ('now', 'user', '')", "the time of a mark is none"),
]

BLOBS = [
    "UPDATE steps SET kv_layers = x'00' WHERE id = 3",
    "UPDATE tokens SET alternatives = 1e300 WHERE id = 3",
    "UPDATE attention SET probs = x'01' WHERE step_id = 3",
]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("whole") / "run.dscope", synthetic_events(20, layers=2))


def read_all(path: Path, folder: Path) -> None:
    """Everything that `info` and an export read."""
    session = open_session(path)
    assert isinstance(session.source, SessionFile)
    try:
        json.dumps(json_figures(session, (0, 5)))
        write_tables(session, folder / "tables")
    finally:
        session.source.close()


@pytest.mark.parametrize(("statement", "words"), EDITS, ids=[statement for statement, _ in EDITS])
def test_content_that_makes_no_sense_is_refused(whole: Path, tmp_path: Path, statement: str, words: str) -> None:
    path = edited(whole, tmp_path, statement)
    with pytest.raises(SessionFileError, match="is damaged or cut short") as caught:
        open_session(path)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("statement", BLOBS)
def test_a_blob_of_the_wrong_size_is_told_where_it_is_read(whole: Path, tmp_path: Path, statement: str) -> None:
    path = edited(whole, tmp_path, statement)
    with pytest.raises(SessionFileError, match="a blob is not made of items of"):
        read_all(path, tmp_path)


def test_bytes_that_were_changed_anywhere_end_in_a_sentence_if_in_anything(whole: Path, tmp_path: Path) -> None:
    content = whole.read_bytes()
    path = tmp_path / "x.dscope"
    refused = 0
    for seed in range(60):
        rng = random.Random(seed)
        changed = bytearray(content)
        for _ in range(rng.choice((1, 3, 20, 200))):
            changed[rng.randrange(100, len(changed))] = rng.randrange(256)
        path.write_bytes(changed)
        try:
            read_all(path, tmp_path)
        except SessionFileError:
            refused += 1
    assert refused > 10


def test_damage_in_the_schema_itself_is_told(whole: Path, tmp_path: Path) -> None:
    path = tmp_path / "x.dscope"
    path.write_bytes(whole.read_bytes().replace(b"CREATE TABLE requests", b"CREATE TABLE re\xfauests"))
    with pytest.raises(SessionFileError, match="damaged or cut short"):
        open_session(path)
