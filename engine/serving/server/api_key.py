"""The key of a serving engine: where it comes from, and that it goes to this server and to nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NoReturn

from engine.errors import InputError
from engine.serving.server.address import ServerAddress

OWN_VARIABLE: Final = "DECODESCOPE_API_KEY"
COMMON_VARIABLE: Final = "OPENAI_API_KEY"
LONGEST: Final = 4096
"""Characters of a key."""
SHORTEST_HIDDEN: Final = 12
"""Characters. A shorter key, such as EMPTY, is a word that may stand in any text, and no secret."""
HIDDEN: Final = "[the key]"


class ApiKey:
    """A secret for one server.

    It is not part of the object's text, and cannot be pickled, copied into a session or sent to another server.
    """

    __slots__ = ("_origin", "_secret")

    def __init__(self, secret: str, address: ServerAddress) -> None:
        """Raises InputError, without the key in it, for a text that no header can hold."""
        if not secret or len(secret) > LONGEST or not secret.isascii() or not secret.isprintable() or " " in secret:
            raise InputError(
                f"The key of the server must have 1 to {LONGEST} printable ASCII characters without spaces."
            )
        self._secret = secret
        self._origin = address.origin

    def headers(self, address: ServerAddress) -> dict[str, str]:
        """The header that shows the key to its own server; nothing for another one."""
        return {"Authorization": f"Bearer {self._secret}"} if address.origin == self._origin else {}

    def hidden_in(self, text: str) -> str:
        """The text with the key left out: a server may repeat it in what it answers."""
        if len(self._secret) < SHORTEST_HIDDEN or self._secret not in text:
            return text
        return text.replace(self._secret, HIDDEN)

    def __repr__(self) -> str:
        return f"ApiKey for {self._origin}"

    def __reduce__(self) -> NoReturn:
        raise TypeError("A key is not pickled.")


def find_key(
    address: ServerAddress, environment: Mapping[str, str], ask: Callable[[], str] | None = None
) -> ApiKey | None:
    """The key for a server: DECODESCOPE_API_KEY, else OPENAI_API_KEY, else what `ask` returns; None where none is.

    OPENAI_API_KEY is meant for another server, and is taken only where nobody on the way can read it (https, or this
    machine). `ask` is called only if neither variable gives a key; an empty answer is no key. Raises InputError.
    """
    secret = environment.get(OWN_VARIABLE, "").strip()
    if not secret and address.is_private:
        secret = environment.get(COMMON_VARIABLE, "").strip()
    if not secret and ask is not None:
        secret = ask().strip()
    return ApiKey(secret, address) if secret else None
