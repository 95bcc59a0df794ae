"""Two recorders of one file: one is refused, at once and always. Where a session cannot be, nothing is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.errors import SessionFileError
from engine.session.destination import check_destination
from engine.session.file import SessionFile, SessionWriter, open_session, save_as
from tests.engine.session.synthetic import synthetic_events

PAIRS = 100
RACE = """
import os, sys
from pathlib import Path
from engine.errors import SessionFileError
from engine.session.file import SessionWriter, open_session
from engine.session.destination import check_destination
from tests.engine.session.synthetic import synthetic_events

def take_part(steps, path, start, over, said):
    os.read(start, 1)  # both go off as this is closed
    try:
        check_destination(path)
        writer = SessionWriter(path)
    except SessionFileError as error:
        assert "being recorded or read by another program" in str(error), error
        os.write(said, b"r")
    else:
        os.write(said, b"w")
        os.read(over, 1)
        for batch in synthetic_events(steps):
            writer.append(batch)
        writer.close()
    os._exit(0)

ends = []
for pair in range(int(sys.argv[1])):
    path = Path(f"{pair}.dscope")
    if pair % 2:  # an older session is there
        SessionWriter(path).close()
    start, over, said = os.pipe(), os.pipe(), os.pipe()
    children = []
    for steps in (3, 5):
        child = os.fork()
        if child == 0:
            os.close(start[1])
            os.close(over[1])
            take_part(steps, path, start[0], over[0], said[1])
        children.append(child)
    os.close(start[1])
    words = os.read(said[0], 1) + os.read(said[0], 1)
    os.close(over[1])
    assert [os.waitpid(child, 0)[1] for child in children] == [0, 0]
    ends.append("".join(sorted(words.decode())))
    if "w" in ends[-1]:
        session = open_session(path)
        assert len(session.steps) in (3, 5)
        session.source.close()
    for one in (start[0], over[0], *said):
        os.close(one)
print(*ends)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs fork")
def test_of_two_recorders_one_is_refused(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", RACE, str(PAIRS)], cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(root)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["rw"] * PAIRS


def test_a_claim_ends_with_its_recording_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.dscope"
    for _ in range(2):
        with SessionWriter(path) as writer:
            writer.append(next(synthetic_events(2)))
            with pytest.raises(SessionFileError, match="being recorded or read"):
                check_destination(path)
            with pytest.raises(SessionFileError, match="being recorded or read"):
                save_as(make(tmp_path / "other.dscope"), path)
        check_destination(path)
        assert os.listdir(tmp_path) == ["run.dscope"] or sorted(os.listdir(tmp_path)) == ["other.dscope", "run.dscope"]


def test_a_link_stays_and_the_session_is_written_to_its_target(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    for name, target in (("there.dscope", "old.dscope"), ("dangling.dscope", "new.dscope"), ("saved.dscope", "s")):
        (tmp_path / name).symlink_to(tmp_path / "folder" / target)
    make(tmp_path / "folder" / "old.dscope")
    make(tmp_path / "there.dscope", 4)
    make(tmp_path / "dangling.dscope", 4)
    save_as(tmp_path / "there.dscope", tmp_path / "saved.dscope")
    for name in ("there.dscope", "dangling.dscope", "saved.dscope"):
        assert (tmp_path / name).is_symlink()
        session = open_session(tmp_path / name)
        assert len(session.steps) == 4
        assert isinstance(session.source, SessionFile)
        session.source.close()
    assert sorted(os.listdir(tmp_path / "folder")) == ["new.dscope", "old.dscope", "s"]
    save_as(tmp_path / "folder" / "old.dscope", tmp_path / "there.dscope")  # onto itself
    assert len(open_session(tmp_path / "there.dscope").steps) == 4


def test_where_no_session_can_be_nothing_is_touched(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing" / "run.dscope")
    with (tmp_path / "out").open("w") as opened:
        for path, why in (
            (tmp_path / "loop", "Too many levels of symbolic links"),
            (tmp_path / "nowhere", r"The folder .*missing does not exist"),
            (Path(f"/dev/fd/{opened.fileno()}"), "cannot be written as a stream"),
            (Path("/dev/null"), "is no ordinary file"),
        ):
            for refuse in (check_destination, SessionWriter):
                with pytest.raises(SessionFileError, match=why):
                    refuse(path)
    assert sorted(os.listdir(tmp_path)) == ["loop", "nowhere", "out"]


def make(path: Path, steps: int = 2) -> Path:
    with SessionWriter(path) as writer:
        for batch in synthetic_events(steps):
            writer.append(batch)
    return path
