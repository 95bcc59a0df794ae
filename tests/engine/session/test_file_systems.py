"""Session files where the system gives less than usual: no shared memory, shares of Windows, readers that stay."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path, PurePath, PurePosixPath, PureWindowsPath
from urllib.parse import unquote, urlsplit

import pytest

from engine.session.connecting import sqlite_uri
from engine.session.file import SessionFile, SessionWriter, open_session
from tests.engine.session.synthetic import synthetic_events

ROOT = Path(__file__).parents[3]
NO_SHARED_MAPS = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int is_shm(int fd) {
    char link[64], name[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, name, sizeof name - 1);
    if (length < 4) return 0;
    name[length] = 0;
    return strcmp(name + length - 4, "-shm") == 0;
}

void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
    static void *(*real)(void *, size_t, int, int, int, off_t);
    if (!real) real = dlsym(RTLD_NEXT, "mmap");
    if (fd >= 0 && is_shm(fd)) { errno = ENODEV; return MAP_FAILED; }
    return real(at, length, protection, flags, fd, offset);
}

void *mmap64(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
    return mmap(at, length, protection, flags, fd, offset);
}
"""

SESSION = """
import os, shutil, sqlite3, sys
from pathlib import Path
from engine.errors import SessionFileError
from engine.session.file import SessionFile, SessionWriter, open_session, save_as
from tests.engine.session.synthetic import synthetic_events

def refuses_logs(path):
    db = sqlite3.connect(path, isolation_level=None)
    try:
        db.execute("CREATE TABLE t (a)")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("INSERT INTO t VALUES (1)")
    except sqlite3.OperationalError as error:
        return "disk I/O" in str(error)
    finally:
        db.close()
    return False

assert refuses_logs("probe.db"), "the emulation does not work"
batches = list(synthetic_events(600, attention_rows=8))
middle = len(batches) // 2
opened, connect = [], sqlite3.connect
sqlite3.connect = lambda *asked, **how: opened.append(connect(*asked, **how)) or opened[-1]
writer = SessionWriter("run.dscope")
written, sqlite3.connect = opened[-1], connect
for batch in batches[:middle]:
    writer.append(batch)
    writer.commit()
half = len(open_session("run.dscope").steps)  # while it is being written
assert half > 0, half
save_as("run.dscope", "copy.dscope")
assert len(open_session("copy.dscope").steps) == half
try:
    SessionWriter("run.dscope")
    raise AssertionError("another writer took the file")
except SessionFileError as error:
    assert "being recorded" in str(error), error
if sys.argv[1] == "crash":
    written.execute("PRAGMA cache_size = 1")
    writer.tick = lambda: None
    for batch in batches[middle:]:
        writer.append(batch)  # spills into the file, and is not committed
    os._exit(0)
for batch in batches[middle:]:
    writer.append(batch)
writer.close()
assert [one.name for one in Path().glob("run.dscope*")] == ["run.dscope"]
assert len(open_session("run.dscope").steps) == 600
shutil.copyfile(sys.argv[2], "logged.dscope")
shutil.copyfile(sys.argv[2] + "-wal", "logged.dscope-wal")
print(len(open_session("logged.dscope").steps))  # a log that a crash left elsewhere
"""


@pytest.fixture
def without_shared_maps(tmp_path: Path) -> dict[str, str]:
    """An environment in which SQLite cannot map its shared memory."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("emulated with a library that is compiled for Linux")
    source, library = tmp_path / "no_maps.c", tmp_path / "no_maps.so"
    source.write_text(NO_SHARED_MAPS)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return {**os.environ, "LD_PRELOAD": str(library), "PYTHONPATH": str(ROOT)}


def left_by_a_crash(path: Path) -> int:
    """A session whose last steps are in a write-ahead log; how many steps it has."""
    writer = SessionWriter(path)
    for batch in synthetic_events(40, attention_rows=8):
        writer.append(batch)
    writer.commit()
    shutil.copyfile(path, f"{path}.kept")
    shutil.copyfile(f"{path}-wal", f"{path}.kept-wal")
    writer.close()
    Path(f"{path}.kept").replace(path)
    Path(f"{path}.kept-wal").replace(f"{path}-wal")
    return 40


def test_a_file_system_without_shared_maps_is_recorded_to_read_and_copied(
    tmp_path: Path, without_shared_maps: dict[str, str]
) -> None:
    steps = left_by_a_crash(tmp_path / "crashed.dscope")
    (tmp_path / "there").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", SESSION, "whole", str(tmp_path / "crashed.dscope")],
        check=False, cwd=tmp_path / "there", env=without_shared_maps, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == str(steps)


COMMANDS = """
import sys
from pathlib import Path
from app.main import main
from engine.session.edits import edit_file
from engine.session.file import SessionWriter
from engine.session.schema import FactsSet
from tests.engine.session.synthetic import synthetic_events

for name in ("a.dscope", "b.dscope"):
    with SessionWriter(name) as writer:
        for batch in synthetic_events(20, attention_rows=8):
            writer.append(batch)
edit_file("a.dscope", [FactsSet({"ceilings": ""})])
for command in (["info", "a.dscope"], ["compare", "a.dscope", "b.dscope"],
                ["export", "a.dscope", "--to", "chrome", "-o", "t.json"]):
    assert main(command) == 0, command
assert sorted(one.name for one in Path().glob("*.dscope*")) == ["a.dscope", "b.dscope"]
"""


def test_every_command_reads_there(tmp_path: Path, without_shared_maps: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS],
        check=False, cwd=tmp_path, env=without_shared_maps, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_crash_there_leaves_what_was_committed(tmp_path: Path, without_shared_maps: dict[str, str]) -> None:
    (tmp_path / "there").mkdir()
    done = subprocess.run(
        [sys.executable, "-c", SESSION, "crash", ""],
        check=False, cwd=tmp_path / "there", env=without_shared_maps, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    path = tmp_path / "there" / "run.dscope"
    assert (tmp_path / "there" / "run.dscope-journal").stat().st_size > 0
    before = path.read_bytes()
    committed = len(open_session(tmp_path / "there" / "copy.dscope").steps)
    rolled_back = open_session(path)  # on a copy
    assert len(rolled_back.steps) == committed
    assert isinstance(rolled_back.source, SessionFile)
    rolled_back.source.close()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("path", "opens"),
    [
        (PureWindowsPath(r"\\server\share\a b\run #1.dscope"), "//server/share/a b/run #1.dscope"),
        (PureWindowsPath(r"C:\Users\é\run%20.dscope"), "/C:/Users/é/run%20.dscope"),
        (PureWindowsPath(r"\\?\C:\long\run.dscope"), "/C:/long/run.dscope"),
        (PureWindowsPath(r"\\?\UNC\server\share\run.dscope"), "//server/share/run.dscope"),
        (PurePosixPath("/home/me/what?.dscope"), "/home/me/what?.dscope"),
        (PurePosixPath("//double/run.dscope"), "//double/run.dscope"),
    ],
)
def test_any_path_becomes_a_uri_that_sqlite_takes(path: PurePath, opens: str) -> None:
    uri = sqlite_uri(path, "mode=ro")
    parts = urlsplit(uri)
    assert (parts.scheme, parts.netloc, parts.query) == ("file", "", "mode=ro")  # SQLite refuses any authority
    assert unquote(uri.removeprefix("file://").removesuffix("?mode=ro")) == opens
    with pytest.raises(sqlite3.OperationalError, match="unable to open"):  # and not: invalid uri authority
        sqlite3.connect(uri, uri=True)


def test_names_that_are_hard_to_write_open(tmp_path: Path) -> None:
    for name in ("a b#c?d%20e&f.dscope", "ünï.dscope", os.fsdecode(b"not-utf8-\xff.dscope")):
        with SessionWriter(tmp_path / name) as writer:
            for batch in synthetic_events(5, attention_rows=0):
                writer.append(batch)
        assert len(open_session(tmp_path / name).steps) == 5


def test_a_file_is_whole_by_itself_though_somebody_keeps_it_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.session.writer.READERS_WITHIN_S", 0.05)
    writer = SessionWriter(tmp_path / "run.dscope")
    for batch in synthetic_events(40, attention_rows=8):
        writer.append(batch)
    writer.commit()
    reader = SessionFile(tmp_path / "run.dscope")
    writer.close()
    (tmp_path / "alone").mkdir()
    shutil.copyfile(tmp_path / "run.dscope", tmp_path / "alone" / "run.dscope")
    reader.close()
    assert len(open_session(tmp_path / "alone" / "run.dscope").steps) == 40


def test_a_copy_that_is_being_made_does_not_leave_the_log_beside_the_file(tmp_path: Path) -> None:
    writer = SessionWriter(tmp_path / "run.dscope")
    for batch in synthetic_events(10, attention_rows=0):
        writer.append(batch)
    writer.commit()
    reader = SessionFile(tmp_path / "run.dscope")
    leave = iter([reader.close])

    class Impatient:
        """The reader goes while the end of the recording waits."""

        @staticmethod
        def monotonic() -> float:
            return 0.0

        @staticmethod
        def sleep(_seconds: float) -> None:
            next(leave)()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("engine.session.writer.time", Impatient)
        writer.close()
    assert [one.name for one in tmp_path.iterdir()] == ["run.dscope"]
