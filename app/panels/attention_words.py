"""Texts about a map, a row and a cell of the attention panel; their translation context is AttentionPanel."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QCoreApplication

from app.core.selection import Selected
from app.core.subject import Subject
from app.look.units import MEASURED, count, percent, significant
from app.models import counted
from app.models.attention_feed import AttentionFeed
from app.models.request_text import RequestText
from app.models.subject_words import subject_parts
from engine.figures.metrics import attention_entropy, widest_tokens
from engine.session.store import Session

MOST_NAMED: Final = 8
"""Where the selected map was not recorded, at most this many recorded maps are named."""


def head_name(head: int | None) -> str:
    """The label of a head, or of the mean of the heads."""
    if head is None:
        return QCoreApplication.translate("AttentionPanel", "mean of the heads")
    return QCoreApplication.translate("AttentionPanel", "head {n}").format(n=head)


def header(feed: AttentionFeed, subject: Subject, factor: int, computed: int, steps: tuple[int, int] | None) -> str:
    """The header's figures of a map: what it shows, pooling, rows, layer and head.

    A cell on the screen covers `factor` × `factor` positions. `computed` is how many positions of the request were
    computed. `steps` is the selected range; None: all steps.
    """
    request, *place = subject_parts(subject)
    what = QCoreApplication.translate("AttentionPanel", "layer {layer} · {head}").format(
        layer=feed.layer, head=head_name(feed.head)
    )
    parts = [request]
    if factor > 1:  # placed before the rest: a narrow panel cuts the end, and the pooling must stay visible
        parts.append(QCoreApplication.translate("AttentionPanel", "pooled {n} × {n}").format(n=factor))
    parts += place
    among = QCoreApplication.translate("AttentionPanel", "{some} of {rows} ●")
    if steps is not None:
        rows = among.format(some=count(len(feed.within(steps))), rows=counted.rows(feed.rows))
    elif computed > feed.rows:
        rows = among.format(some=count(feed.rows), rows=counted.rows(computed))
    else:
        rows = f"{counted.rows(feed.rows)} {MEASURED}"
    return " · ".join([*parts, rows, what])  # the pickers show layer and head


def note(feed: AttentionFeed | None, coarseness: int) -> str:
    """The text beside the controls: the mean of how many heads, and how many positions a cell covers."""
    if feed is None or feed.grid.positions == 0:
        return ""
    parts = []
    if feed.head is None:
        parts.append(QCoreApplication.translate("AttentionPanel", "mean of {n} heads ƒ").format(n=feed.heads))
    factor = coarseness * feed.grid.factor
    if factor > 1:
        parts.append(
            QCoreApplication.translate("AttentionPanel", "a cell is the largest of {n} × {n} positions").format(
                n=factor
            )
        )
    return " · ".join(parts)


def nothing(session: Session | None, now: Selected, request: int | None) -> str:
    """Why there is no map of the selected layer and head of a request, and which maps were recorded."""
    requests = session.requests.values() if session is not None else ()
    if all(request.finished_ns is not None for request in requests):
        form = QCoreApplication.translate(
            "AttentionPanel",
            "No attention of layer {layer}, {head} was recorded; tick “Record attention of the selected head” and "
            "run the prompt again.",
        )
    else:
        form = QCoreApplication.translate(
            "AttentionPanel",
            "No attention of layer {layer}, {head} is recorded yet; once it is chosen above, rows appear with the "
            "engine's next steps.",
        )
    found = session.details.attention_maps() if session is not None else []
    of_request = {(layer, head) for one, layer, head in found if one == request}
    known = sorted(of_request or {(layer, head) for _, layer, head in found})
    parts = []
    if of_request or (now.layer, now.head) not in known:  # else it was recorded, but not of this request
        parts.append(form.format(layer=now.layer, head=head_name(now.head)))
    if known and not of_request:
        words = QCoreApplication.translate("AttentionPanel", "Of request {id} nothing was recorded.")
        parts.append(words.format(id=request))
    if known:
        maps = ", ".join(f"L{layer} H{head}" for layer, head in known[:MOST_NAMED])
        maps += " …" if len(known) > MOST_NAMED else ""
        parts.append(QCoreApplication.translate("AttentionPanel", "Recorded: {maps}.").format(maps=maps))
    return " ".join(parts)


def row_shown(feed: AttentionFeed, text: RequestText, subject: Subject) -> tuple[int | None, str]:
    """(the query whose row is shown, or None; the sentence about it).

    It is the subject's query. While the newest token is followed, it is the newest recorded row.
    """
    if feed.grid.positions == 0:
        return None, ""
    query = feed.newest if subject.followed else subject.query
    if query is None:
        return None, QCoreApplication.translate("AttentionPanel", "Nothing chose the first token.")
    if not feed.has(query):
        words = QCoreApplication.translate("AttentionPanel", "No row of {token} is recorded.")
        return None, words.format(token=text.name(query))
    chose = subject.position is not None and query == subject.position - 1
    if subject.followed:
        words = QCoreApplication.translate("AttentionPanel", "Newest row: {token} looks at")
        if chose:
            words = QCoreApplication.translate("AttentionPanel", "Newest row: {token}, which chose {next}, looks at")
    else:
        words = QCoreApplication.translate("AttentionPanel", "{token} looks at")
        if chose:
            words = QCoreApplication.translate("AttentionPanel", "{token}, which chose {next}, looks at")
    return query, words.format(token=text.name(query), next=text.name(query + 1))


def row_figures(weights: NDArray[np.float32], text: RequestText | None) -> str:
    """The key with the largest weight of a row, its entropy, and how many keys have 90 % of the weight.

    "" for an empty row; a sentence for a row whose probabilities are not finite.
    """
    if not np.isfinite(weights).all():
        return QCoreApplication.translate("AttentionPanel", "no token: the probabilities of this row are not finite")
    if not len(weights):
        return ""
    best = int(weights.argmax())
    return QCoreApplication.translate(
        "AttentionPanel",
        "most at {token}, {share} · entropy {nats} nats ƒ · 90 % of it on {few} of the {all} tokens up to it ƒ",
    ).format(
        token=text.name(best) if text is not None else best, share=percent(float(weights[best])),
        nats=significant(attention_entropy(weights)), few=count(widest_tokens(weights, 0.9)),
        all=count(len(weights)),
    )  # fmt: skip


def cell(feed: AttentionFeed, text: RequestText, query: int, key: int) -> str:
    """The tool tip of a cell: both tokens and the probability; "" where nothing was recorded.

    A pooled cell names its ranges of queries and keys, and their largest probability.
    """
    if not 0 <= key <= query < feed.grid.positions:
        return ""
    factor = feed.grid.factor
    value = float(feed.grid.cells[query // factor, key // factor])
    if factor > 1:
        first, other = query // factor * factor, key // factor * factor
        return QCoreApplication.translate(
            "AttentionPanel", "queries {a}-{b} look at keys {c}-{d}: at most {share}  ● measured"
        ).format(a=first, b=first + factor - 1, c=other, d=other + factor - 1, share=percent(max(0.0, value)))
    if value < 0:
        return ""
    if feed.head is not None:
        mark = QCoreApplication.translate("AttentionPanel", "● measured")
    else:
        mark = QCoreApplication.translate("AttentionPanel", "ƒ mean of measured heads")
    return QCoreApplication.translate("AttentionPanel", "{query} looks at {key}: {share}  {mark}").format(
        query=text.name(query), key=text.name(key), share=percent(value), mark=mark
    )
