"""How many recordings are kept: asks before the first is deleted, and then follows the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, cast

from PySide6.QtCore import QObject, Qt, Signal, Slot
from PySide6.QtWidgets import QMessageBox, QWidget

from app.core.jobs import Jobs
from app.core.preferences import KEEP_ALL, Preferences
from app.core.recent_recordings import is_worked_on
from app.look.units import count, memory
from app.window.recordings_note import RecordingsNote
from app.window.shown_files import ShownFiles
from engine.client.recordings import Recording, Recordings

OFFERED: Final = 50
"""How many are kept if the user accepts the offer."""
MANY: Final = 200
LARGE_BYTES: Final = 10 * 2**30
"""Above this number or size of all recordings the user is asked."""


class RecordingsControl(QObject):
    """Handles the answer to the note and the choice in the menu.

    The folder is read in the background. Nothing is deleted before the user was told how much would be deleted. Files
    that the user named, saved, marked or wrote notes in, and files that any window shows, reads or records, are never
    deleted.
    """

    said = Signal(str)
    changed = Signal()
    """The user chose how many are kept."""

    def __init__(
        self,
        window: QWidget,
        recordings: Recordings,
        preferences: Preferences,
        jobs: Jobs,
        in_use: Callable[[], set[Path]],
    ) -> None:
        super().__init__(window)
        self._window = window
        self._recordings = recordings
        self._preferences = preferences
        self._jobs = jobs
        self._in_use = in_use
        self._shown = ShownFiles(recordings.folder)
        self._begun = False
        """Whether a user works with the window; a window drawn for a picture deletes nothing."""
        self._worked_on: dict[Recording, bool] = {}
        """Which of the older recordings a person worked on, as read when the folder was listed last."""
        self._put_off = False
        self._told_what_stays = False
        self.note = RecordingsNote(window)
        self.note.wants_newest.connect(self._on_newest)
        self.note.wants_all.connect(lambda: self.keep(KEEP_ALL))
        self.note.put_off.connect(self._on_put_off)

    def begin(self) -> None:
        """From now on a user works with the window."""
        self._begun = True
        self.tell_what_is_shown()
        self.look()

    def look(self) -> None:
        """Read the folder and delete what the user's choice says; ask if there is no choice yet."""
        if self._begun and not self._put_off and self._preferences.kept_recordings != KEEP_ALL:
            keep = self._preferences.kept_recordings
            self._list(OFFERED if keep is None else keep, self._on_listed)

    @Slot()
    def tell_what_is_shown(self) -> None:
        """Tell the other windows which files this one shows."""
        if self._begun:
            self._shown.show(self._in_use())

    def remember_saved(self, path: Path) -> None:
        """The user saved this file: if it is in the folder of recordings, it is never deleted."""
        if path.parent.absolute() == self._recordings.folder.absolute():
            self._preferences.remember_saved_recording(path.name)

    def choose(self, value: str) -> None:
        """Take a choice of the menu; if recordings would be deleted, ask first."""
        keep = int(value) if value.isdecimal() else KEEP_ALL
        if keep == KEEP_ALL:
            self.keep(keep)
        else:
            self._list(keep, lambda found: self._ask(keep, self._beyond(keep, found)))

    def keep(self, keep: int) -> None:
        """Remember how many are kept, and delete the others."""
        self._preferences.kept_recordings = keep
        self._put_off = False
        self.note.hide()
        self.changed.emit()
        self.look()

    def close(self) -> None:
        """The window closes: it shows nothing any more."""
        self._begun = False
        self._shown.close()

    # --- inside -----------------------------------------------------------------------------------------------------

    def _list(self, keep: int, then: Callable[[list[Recording]], None]) -> None:
        """Read the folder, and of the recordings beyond the newest `keep` which of them a person worked on."""
        known = self._worked_on

        def work() -> tuple[list[Recording], dict[Recording, bool]]:
            found = self._recordings.recordings()
            return found, {one: known[one] if one in known else is_worked_on(str(one.path)) for one in found[keep:]}

        def listed(outcome: object) -> None:
            found, self._worked_on = cast("tuple[list[Recording], dict[Recording, bool]]", outcome)
            then(found)

        self._jobs.start(work, listed, lambda failure: self.said.emit(failure.sentence))

    def in_use(self) -> set[Path]:
        """The files that any window shows, reads or records."""
        return self._in_use() | self._shown.of_others()

    def _spared(self) -> set[Path]:
        return self.in_use() | {self._recordings.folder / name for name in self._preferences.saved_recordings}

    def _beyond(self, keep: int, found: list[Recording]) -> list[Recording]:
        spared = {path.absolute() for path in self._spared()}
        return [one for one in found[keep:] if one.path.absolute() not in spared and not self._worked_on.get(one, True)]

    def _on_listed(self, found: list[Recording]) -> None:
        keep = self._preferences.kept_recordings
        if keep == KEEP_ALL:
            return
        if keep is not None:
            self._throw_away(self._beyond(keep, found))
            return
        beyond = self._beyond(OFFERED, found)
        if beyond and (len(found) > MANY or _size(found) > LARGE_BYTES):
            self.note.ask(len(found), _size(found), OFFERED, len(beyond), _size(beyond))
        else:
            self.note.hide()

    def _ask(self, keep: int, beyond: list[Recording]) -> None:
        if not beyond:
            self.keep(keep)
            return
        box = QMessageBox(self._window)
        box.setObjectName("recordings-dialog")
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setIcon(QMessageBox.Icon.Question)
        box.setWindowTitle("DecodeScope")
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setText(
            self.tr("Keep the newest {keep} recordings, and move {others} ({freed}) to the trash?").format(
                keep=count(keep), others=count(len(beyond)), freed=memory(_size(beyond))
            )
        )
        box.setInformativeText(
            self.tr(
                "Older ones then go to the trash after each run. What you saved, named or marked in that folder and "
                "what a window shows stays."
            )
        )
        yes = box.addButton(self.tr("Move to the trash"), QMessageBox.ButtonRole.AcceptRole)
        box.setDefaultButton(box.addButton(QMessageBox.StandardButton.Cancel))
        yes.clicked.connect(lambda: self.keep(keep))
        box.open()

    def _throw_away(self, beyond: list[Recording]) -> None:
        if not beyond:
            return

        def then(gone: object) -> None:
            self._on_gone(cast("list[Recording]", gone), len(beyond))

        self._jobs.start(lambda: self._recordings.throw_away(beyond), then)

    def _on_gone(self, gone: list[Recording], asked: int) -> None:
        if gone:
            words = self.tr("Moved to the trash: {count} recordings ({size}) beyond the newest {keep}.")
            keep = self._preferences.kept_recordings
            self.said.emit(words.format(count=count(len(gone)), size=memory(_size(gone)), keep=count(keep)))
        elif not self._told_what_stays:
            self._told_what_stays = True
            words = self.tr("There is no trash for the {count} recordings beyond those to keep: they stay in {folder}.")
            self.said.emit(words.format(count=count(asked), folder=self._recordings.folder))

    @Slot()
    def _on_newest(self) -> None:
        self.keep(OFFERED)

    @Slot()
    def _on_put_off(self) -> None:
        self._put_off = True
        self.note.hide()


def _size(recordings: Iterable[Recording]) -> int:
    return sum(one.size_bytes for one in recordings)
