"""The folder of recordings: one file for each run in the user's data folder, so that an unsaved run is never lost."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, TypeVar

from platformdirs import user_data_path

from engine.client.live_session import Begun, FileWriter
from engine.errors import DecodeScopeError, SessionFileError
from engine.session.connecting import COMPANIONS
from engine.session.file import SessionFile
from engine.session.patience import Patience

Answer = TypeVar("Answer")

SUFFIX: Final = ".dscope"
MODEL_BYTES: Final = 100
"""The most bytes of a model's name in a file's name; file systems take 255 bytes in all."""
KEPT: Final = "kept"
"""How the name of a recording begins that a person has kept by a key."""
OWN_NAME: Final = re.compile(r"\d{4}-\d\d-\d\d_\d\d-\d\d-\d\d_.+" + re.escape(SUFFIX))
"""How this program names a recording; a file with any other name was named by a person."""


def user_folder() -> Path:
    """The folder of this user's recordings."""
    return user_data_path("DecodeScope", appauthor=False) / "recordings"


@dataclass(frozen=True, slots=True)
class Recording:
    """A session file of a folder."""

    path: Path
    size_bytes: int
    """With the files that SQLite keeps beside it."""
    changed_ns: int


class FolderError(SessionFileError):
    """Recordings cannot be kept in their folder."""

    def __init__(self, folder: Path, reason: str, is_no_folder: bool) -> None:
        super().__init__(f"Recordings cannot be kept in {folder}: {'it is no folder' if is_no_folder else reason}.")
        self.folder = folder
        self.reason = reason
        """The message of the operating system."""
        self.is_no_folder = is_no_folder
        """Whether the path names something other than a folder."""


def keep_all(_path: Path) -> bool:
    """The `discard` that throws nothing away."""
    return False


class Recordings:
    """The folder of recordings; it is made when the first one begins. Nothing in it is thrown away unless asked for."""

    def __init__(self, folder: Path, discard: Callable[[Path], bool] = keep_all) -> None:
        """`discard` moves a file to a place where a person can still find it; returns whether that worked."""
        self.folder = folder
        self._discard = discard
        self._instead: Path | None = None

    def begin(self, model: str, open_: Callable[[Path], FileWriter]) -> Begun:
        """Begin a file for the next recording, opened by `open_`; in a temporary folder if this one takes none.

        If neither can be written, raises the error of this folder.
        """
        try:
            return self._begin_in(self._made(), model, open_)
        except (OSError, DecodeScopeError) as error:
            refused = error  # the reason that a person can do something about
        try:
            begun = self._begin_in(self._made_instead(), model, open_)
        except (OSError, DecodeScopeError):
            raise refused from None
        return replace(begun, refused=refused)

    def new_path(self, model: str, now: datetime | None = None, folder: Path | None = None) -> Path:
        """An unused path for the next recording, named after the time and the model."""
        return _unused(folder or self.folder, f"{(now or datetime.now()):%Y-%m-%d_%H-%M-%S}_{_in_a_name(model)}")

    def kept_path(self, model: str, now: datetime | None = None) -> Path:
        """An unused path in the folder for a copy that a person keeps: nothing throws a file of such a name away."""
        return _unused(self.folder, f"{KEPT}_{(now or datetime.now()):%Y-%m-%d_%H-%M-%S}_{_in_a_name(model)}")

    def recordings(self) -> list[Recording]:
        """Every recording that this program named, newest first; `session_files` has those of other names too."""
        return [one for one in session_files(self.folder) if OWN_NAME.fullmatch(one.path.name)]

    def paths(self) -> list[Path]:
        """The files of `recordings`, newest first."""
        return [one.path for one in self.recordings()]

    def throw_away(self, recordings: Iterable[Recording]) -> list[Recording]:
        """Move recordings to the trash, with SQLite's files beside them; returns those that were moved."""
        return [one for one in recordings if throw_away(one.path, self._discard)]

    def _begin_in(self, folder: Path, model: str, open_: Callable[[Path], FileWriter]) -> Begun:
        path = self.new_path(model, folder=folder)
        try:
            return Begun(path, open_(path), detail=RecordedDetail(path))
        except (OSError, DecodeScopeError):
            for one in with_companions(path):  # the file could not be begun, say on a full disk
                try:
                    one.unlink(missing_ok=True)
                except OSError:
                    break
            raise

    def _made(self) -> Path:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            is_no_folder = isinstance(error, FileExistsError)
            raise FolderError(self.folder, str(error.strerror), is_no_folder) from error
        return self.folder

    def _made_instead(self) -> Path:
        if self._instead is None or not self._instead.is_dir():
            self._instead = Path(tempfile.mkdtemp(prefix="decodescope-recordings-"))
        return self._instead


def _in_a_name(model: str) -> str:
    """A model's name as a part of a file's name."""
    name = re.sub(r"[^\w.-]+", "-", Path(model).name).strip("-")
    return name.encode()[:MODEL_BYTES].decode(errors="ignore") or "model"


def _unused(folder: Path, stem: str) -> Path:
    path = folder / f"{stem}{SUFFIX}"
    number = 2
    while os.path.lexists(path):
        path = folder / f"{stem}_{number}{SUFFIX}"
        number += 1
    return path


def session_files(folder: Path) -> list[Recording]:
    """Every session file of a folder, newest first; links, folders, pipes and unreadable entries do not count."""
    found = []
    try:
        with os.scandir(folder) as entries:
            listed = list(entries)
    except OSError:
        return []
    sizes = {entry.name: _own_stat(entry) for entry in listed if SUFFIX in entry.name}
    for name, own in sizes.items():
        if own is not None and name.endswith(SUFFIX):
            beside = (sizes.get(f"{name}{end}") for end in COMPANIONS)
            size_bytes = own.st_size + sum(one.st_size for one in beside if one is not None)
            found.append(Recording(folder / name, size_bytes, own.st_mtime_ns))
    return sorted(found, key=lambda one: (one.changed_ns, one.path.name), reverse=True)


def throw_away(path: Path, discard: Callable[[Path], bool]) -> bool:
    """Discard a session file, with SQLite's files beside it; returns whether the session itself was discarded."""
    own = _lstat(path)
    if own is None or not stat.S_ISREG(own.st_mode) or not discard(path):
        return False
    for end in COMPANIONS:
        companion = Path(f"{path}{end}")
        beside = _lstat(companion)
        if beside is None:
            continue
        whole = end != "-shm" and beside.st_size > 0 and stat.S_ISREG(beside.st_mode)
        if whole:
            discard(companion)  # where that fails it stays: it holds part of the recording
            continue
        with suppress(OSError):  # no content, or a link, whose target stays
            companion.unlink()
    return True


def _own_stat(entry: os.DirEntry[str]) -> os.stat_result | None:
    """The stat of an ordinary file; None for anything else, also for a link."""
    try:
        return entry.stat(follow_symlinks=False) if entry.is_file(follow_symlinks=False) else None
    except OSError:
        return None


def _lstat(path: Path) -> os.stat_result | None:
    try:
        return path.lstat()
    except OSError:
        return None


class RecordedDetail:
    """A DetailSource of a recording. The file is opened for each query and closed after it.

    A reader that stayed open would keep the recording from becoming one file when it ends. Detail that cannot be read
    counts as not kept.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def step_blobs(self, step_id: int, patience: Patience | None = None) -> tuple[bytes, bytes] | None:
        return self._ask(lambda file: file.step_blobs(step_id), None, patience)

    def attention_rows(
        self,
        request_id: int,
        layer: int,
        head: int,
        first: int = 0,
        most: int | None = None,
        patience: Patience | None = None,
    ) -> list[tuple[int, int, bytes]]:
        return self._ask(lambda file: file.attention_rows(request_id, layer, head, first, most), [], patience)

    def attention_row(
        self, request_id: int, layer: int, head: int, position: int, patience: Patience | None = None
    ) -> tuple[int, int, bytes] | None:
        return self._ask(lambda file: file.attention_row(request_id, layer, head, position), None, patience)

    def alternatives(self, token_id: int, patience: Patience | None = None) -> bytes:
        return self._ask(lambda file: file.alternatives(token_id), b"", patience)

    def _ask(self, question: Callable[[SessionFile], Answer], otherwise: Answer, patience: Patience | None) -> Answer:
        try:
            file = SessionFile(self.path, patience)
        except SessionFileError:
            return otherwise
        try:
            return question(file)
        except SessionFileError:
            return otherwise
        finally:
            file.close()


def with_companions(path: Path) -> Iterable[Path]:
    """A session file and the files that SQLite keeps beside it while it is written."""
    return (path, *(Path(f"{path}{end}") for end in COMPANIONS))
