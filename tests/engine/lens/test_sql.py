"""The figures of a comparison of precisions, once more by SQL from its file."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from engine.figures.precision import precision_json
from engine.lens.compare import Comparison
from engine.model.loader import LoadedModel
from engine.session.checking import check_content
from engine.session.file import open_session
from engine.session.format_document import examples
from tests.engine.lens.comparing import session_of, spec


def test_sql_gives_every_figure_again(
    tiny_llama: Path, tiny_model: LoadedModel, tiny_draft: LoadedModel, tmp_path: Path
) -> None:
    path = tmp_path / "precision.dscope"
    live = precision_json(session_of(Comparison(tiny_model, tiny_draft, spec(tiny_llama)), path))
    assert precision_json(open_session(path)) == live
    assert live is not None
    found: dict[str, float] = {}
    with closing(sqlite3.connect(path)) as db:
        for one in examples():
            if one.title.startswith("what quantising"):
                row = db.execute(one.sql)
                found |= dict(zip([name for name, *_ in row.description], row.fetchone(), strict=True))
        (ranking,) = (one.sql for one in examples() if one.title.startswith("the layers by the damage"))
        layers = db.execute(ranking).fetchall()
        (parting,) = (one.sql for one in examples() if one.title.startswith("the tokens at which"))
        tokens = db.execute(parting).fetchall()
    assert len(found) == 15
    for name, value in found.items():
        told = live
        for part in name.split("."):
            told = told[part]
        assert value == pytest.approx(told, rel=1e-12), name
    assert [row[0] for row in layers] == [one["layer"] for one in live["layers"]]
    assert all(row[-1] == pytest.approx(live["layers_against"], rel=1e-12) for row in layers)
    for (_, *values, _), one in zip(layers, live["layers"], strict=True):
        assert values == pytest.approx([one[name] for name in ("positions", "kl", "same_top", "perplexity")])
    assert len(tokens) == round((1 - live["same_top"]) * live["positions"]) > 0
    assert all(re.fullmatch(r".+", text, re.DOTALL) for row in tokens for text in (row[1], row[3], row[4]))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ("UPDATE precision_positions SET kl = -1.0 WHERE id = 3", "precision_positions.kl holds what are no nats"),
        (
            "UPDATE precision_positions SET nll_b = 9e999 WHERE id = 3",
            "precision_positions.nll_b holds what are no nats",
        ),
        ("DELETE FROM precision_layers WHERE id = 0", "precision_layers are missing"),
        ("UPDATE precision_layers SET layer = 2 WHERE id = 1", "precision_layers.layer should be below 2"),
        ("UPDATE precision_layers SET same_top = 10000 WHERE id = 1", "more tokens agree than there are positions"),
        ("UPDATE meta SET value = '' WHERE key = 'precision'", "nothing says of which models"),
        ("UPDATE meta SET value = '{}' WHERE key = 'precision'", "precision"),
        ("UPDATE precision_timings SET model = 'c' WHERE id = 0", "c"),
    ],
)
def test_a_file_whose_rows_make_no_sense_is_refused(
    tiny_llama: Path, tiny_model: LoadedModel, tiny_draft: LoadedModel, tmp_path: Path, change: str, sentence: str
) -> None:
    path = tmp_path / "precision.dscope"
    check_content(session_of(Comparison(tiny_model, tiny_draft, spec(tiny_llama, most=20, layers=20)), path))
    with closing(sqlite3.connect(path)) as db:
        db.execute(change)
        db.commit()
    with pytest.raises(Exception, match=re.escape(sentence)):
        open_session(path)
