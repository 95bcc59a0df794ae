"""Joins the tokens that a recorder tells of with what our own streams received of them."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from typing import Final

from msgspec.structs import replace

from engine.serving.streamed_tokens import Received
from engine.session.schema import Token

WAIT_NS: Final = 2 * 10**9
"""How long a token waits for its stream. Later ones wait with it: tokens are kept in the order of their steps."""
MOST_WAITING: Final = 100_000
"""Beyond this many tokens none waits."""


class TokenJoin:
    """Tokens in the order of their steps, each let out when its stream has brought its text, or will not any more.

    The n-th token of a request in the recorder is the n-th of its stream. Where both tell its id and the ids differ,
    nothing of the stream is taken from there on, and `disagreed` counts it.
    """

    def __init__(self, streams: Callable[[int], bool], text_of: Callable[[int], str]) -> None:
        """`streams` says whether a request's stream is ours and still open; `text_of` gives the text of a token id."""
        self._streams = streams
        self._text_of = text_of
        self._waiting: deque[Token] = deque()
        self._received: defaultdict[int, deque[Received]] = defaultdict(deque)
        self._broken: set[int] = set()
        self.disagreed = 0

    def put(self, tokens: Iterable[Token]) -> None:
        """Tokens that the recorder told of, in order."""
        self._waiting.extend(tokens)

    def receive(self, request: int, tokens: Iterable[Received]) -> None:
        """Tokens that a stream brought."""
        self._received[request].extend(tokens)

    def take(self, now_ns: int, all_of_them: bool = False) -> list[Token]:
        """The tokens that need not wait any longer; `now_ns` counts from the session's zero."""
        found = []
        while self._waiting:
            token = self._waiting[0]
            stream = self._received.get(token.request_id)
            late = all_of_them or now_ns - token.emitted_ns > WAIT_NS or len(self._waiting) > MOST_WAITING
            if not stream and not late and self._streams(token.request_id) and token.request_id not in self._broken:
                break
            self._waiting.popleft()
            found.append(self._joined(token, stream))
        return found

    def _joined(self, token: Token, stream: deque[Received] | None) -> Token:
        if not stream or token.request_id in self._broken:
            return replace(token, text=self._text_of(token.token_id))
        one = stream.popleft()
        if one.token_id not in (-1, token.token_id):
            self._broken.add(token.request_id)
            self.disagreed += 1
            return replace(token, text=self._text_of(token.token_id))
        return replace(token, text=one.text, logprob=one.logprob, received_ns=one.t_ns)
