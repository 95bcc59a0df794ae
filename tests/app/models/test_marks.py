"""Where a person's marks belong, with and without steps."""

from __future__ import annotations

from app.core.selection import Selected
from app.models.marks import mark_of, marked_steps, marks_of_step, moment_of, new_label, next_mark, own_marks, place_of
from engine.session.schema import Mark, MarkChanged
from engine.session.store import Session
from tests.engine.session.synthetic import synthetic_session


def with_marks(*marks: Mark) -> Session:
    session = synthetic_session(6)
    session.apply([MarkChanged(None, mark) for mark in marks])
    return session


def at(session: Session, step: int, later: int = 0) -> int:
    return int(session.steps["start_ns"][step]) + later


def test_a_mark_put_at_a_step_is_found_at_that_step() -> None:
    session = synthetic_session(6)
    for step in range(6):
        moment = moment_of(session, Selected(step=step))
        assert moment == at(session, step)
        mark = Mark(moment, "user", f"at {step}")
        session.apply([MarkChanged(None, mark)])
        assert place_of(session, mark)["step"] == step
        assert mark_of(session, Selected(step=step)) == mark
    assert marked_steps(session) == list(range(6))


def test_a_mark_after_the_last_step_belongs_to_it() -> None:
    mark = Mark(2**50, "user", "late")
    session = with_marks(mark)
    assert place_of(session, mark) == {"step": 5, "token": None}
    assert marks_of_step(session, 5) == [mark]


def test_without_steps_a_mark_is_at_a_token() -> None:
    session = synthetic_session(6)
    tokens = session.tokens["emitted_ns"][: len(session.tokens)].copy()
    bare = Session()
    bare.requests = session.requests
    bare.tokens = session.tokens
    moment = moment_of(bare, Selected(token=3))
    assert moment == tokens[3]
    mark = Mark(moment, "user", "here")
    bare.apply([MarkChanged(None, mark)])
    assert place_of(bare, mark) == {"token": 3}
    assert mark_of(bare, Selected(token=3)) == mark
    assert mark_of(bare, Selected(token=2)) is None


def test_nothing_selected_is_no_moment() -> None:
    session = synthetic_session(6)
    assert moment_of(session, Selected()) is None
    assert moment_of(session, Selected(step=99)) is None
    assert place_of(Session(), Mark(0, "user", "")) == {}


def test_walking_goes_through_all_marks_and_round() -> None:
    session = synthetic_session(6)
    marks = [Mark(at(session, step), "user", str(step)) for step in (4, 1, 3)]
    session.apply([MarkChanged(None, mark) for mark in marks])
    ordered = own_marks(session)
    assert [mark.label for mark in ordered] == ["1", "3", "4"]
    here, seen = None, []
    for _ in range(4):
        found = next_mark(session, here, 1)
        assert found is not None
        seen.append(found.label)
        here = found.t_ns
    assert seen == ["1", "3", "4", "1"]
    backwards = next_mark(session, at(session, 1), -1)
    assert backwards is not None
    assert backwards.label == "4"
    assert next_mark(synthetic_session(2), None, 1) is None


def test_a_new_label_is_new() -> None:
    session = with_marks(Mark(0, "user", "mark 2"), Mark(0, "pause", "mark 3"))
    assert new_label(session, "mark {}") == "mark 3"
    session = with_marks(Mark(0, "user", "mark 3"), Mark(1, "user", "x"))
    assert new_label(session, "mark {}") == "mark 4"
