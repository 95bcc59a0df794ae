"""The one exception family: every error carries a sentence for the person who can act on it."""


class DecodeScopeError(Exception):
    """Something a user can read and act on; `str(error)` is one sentence, without a traceback."""

    exit_status = 1


class InputError(DecodeScopeError):
    """What the user gave cannot be used (a path, a value, a file); the command line exits with 2."""

    exit_status = 2


class CheckpointError(InputError):
    """A model folder cannot be loaded; the sentence names the file or the tensor."""


class SessionFileError(InputError):
    """A session file cannot be opened or written; the sentence says what is wrong with it."""


class UnavailableError(InputError):
    """A switch value or a device is not available here; the sentence gives the reason."""


class NotFiniteError(InputError):
    """A model gave logits that are not finite, because of its weights or of the precision; the sentence names the first
    part of the model whose output is not finite.
    """


class EngineStoppedError(DecodeScopeError):
    """The engine process ended before it answered; the sentence says how it ended, `details` is its last output."""

    def __init__(self, sentence: str, details: str = "") -> None:
        super().__init__(sentence)
        self.details = details


class ServerError(DecodeScopeError):
    """A serving engine that was attached to broke off, or answered what cannot be used; the sentence says what."""
