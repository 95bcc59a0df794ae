"""What was asked for in a session: how many requests, their first prompts, and how their parameters differ."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from engine.session.store import RecordedRequest, Session

FIRST: Final = 5
"""How many prompts are shown."""
MOST_VALUES: Final = 1000
"""Different values of a parameter that are told apart; of more it is only known that there are more."""


@dataclass(slots=True)
class Values:
    """The values of one parameter, by how many requests have each."""

    counts: Counter[str] = field(default_factory=Counter)
    """By the value as JSON, which tells 1 from true and can hold lists."""
    least: float | None = None
    most: float | None = None
    """The range, where the values are numbers."""
    more: int = 0
    """Requests whose value came after MOST_VALUES different ones."""

    def add(self, value: Any) -> None:
        """Count the value of one more request."""
        text = json.dumps(value, ensure_ascii=False)
        if text in self.counts or len(self.counts) < MOST_VALUES:
            self.counts[text] += 1
        else:
            self.more += 1
        if isinstance(value, int | float) and not isinstance(value, bool):
            self.least = value if self.least is None else min(self.least, value)
            self.most = value if self.most is None else max(self.most, value)

    @property
    def only(self) -> Any:
        """The value that all have; raises ValueError where there are several."""
        (text,) = self.counts
        return json.loads(text)

    @property
    def same(self) -> bool:
        """Whether all requests have one value."""
        return len(self.counts) == 1 and not self.more

    def common(self, most: int) -> list[tuple[Any, int]]:
        """(value, requests) of the values that most requests have."""
        return [(json.loads(text), number) for text, number in self.counts.most_common(most)]


class RequestTally:
    """Counts the requests of a session; `update` costs as much as there are new ones."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.count = 0
        self.first: list[RecordedRequest] = []
        """The first FIRST requests."""
        self.prompt_tokens = Values()
        self.params: dict[str, Values] = {}
        """By name: the parameters but those that are a request's own (its prompt, its messages, when it was due)."""
        self.sampling: dict[str, Values] = {}
        self.due_s = Values()
        """When the requests were to arrive, from the start of the run."""

    def update(self) -> bool:
        """Count what is new; returns whether there was anything."""
        before = self.count
        for key in self._session.requests.from_place(before):
            self._add(self._session.requests[key])
        return self.count != before

    def _add(self, request: RecordedRequest) -> None:
        self.count += 1
        if len(self.first) < FIRST:
            self.first.append(request)
        self.prompt_tokens.add(request.prompt_tokens)
        params = dict(request.params)
        due = params.pop("arrival_s", None)
        if due is not None:
            self.due_s.add(due)
        for own in ("prompt", "messages"):
            params.pop(own, None)
        for name, value in (params.pop("sampling", None) or {}).items():
            self.sampling.setdefault(name, Values()).add(value)
        for name, value in params.items():
            self.params.setdefault(name, Values()).add(value)
