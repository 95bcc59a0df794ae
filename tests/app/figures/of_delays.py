"""Sentences about late tokens: in the Inspector of one token, in the Latency panel of the most delayed ones of a range.

Each of their figures stands in the `parts` of a late token; `of_late(cause, what)` lists those of the tokens shown.
"""

from __future__ import annotations

from typing import Final

NAMES: Final = {
    "Queue": "queue", "Preemption": "preemption", "Prefill": "prefill", "Batch": "batch", "Speculation": "speculation",
    "Capture or switch": "capture", "Host": "host", "Client": "client", "Unexplained": "unexplained",
}  # fmt: skip


def _of(cause: str, words: str) -> str:
    """A sentence in which `count`, `step`, `request` and `usual` are those of the parts with this cause."""
    for what, unit in (("seconds", "seconds"), ("count", "count"), ("step", "count"), ("request", "count"),
                       ("usual", "count")):  # fmt: skip
        words = words.replace(f"<{what}>", f"{{of_late('{cause}', '{what}')|{unit}}}")
    return words


PARTS: Final = tuple(
    _of(cause, words)
    for cause, words in (
        ("queue", "<seconds> in the queue during <count> steps, from step <step> on"),
        ("preemption", "<seconds> preempted, <count> positions computed again in step <step>"),
        ("preemption", "<seconds> request <request>, of which <count> positions were computed again in step <step>"),
        ("prefill", "<seconds> a prefill chunk of request <request> (<count> positions) in the same step"),
        ("prefill", "<seconds> a prefill chunk of request <request> (<count> positions) in step <step>"),
        ("batch", "<seconds> a batch of <count> rows instead of <usual>"),
        ("speculation", "<seconds> speculation (<count> drafts)"),
        ("capture", "<seconds> “{~}” at step <step>"),
        ("host", "<seconds> the host before step <step>"),
        ("client", "<seconds> until the client received it"),
        ("unexplained", "<seconds> unexplained"),
    )
)
IN_INSPECTOR: Final = (
    "?by {T.delay.excess_s|seconds} ƒ", *(f"?{one}" for one in PARTS),
    "the first token: {of_request.waited_s|seconds} of its {of_request.ttft_s|seconds} were spent in the queue ●",
    "request {=other}: {shared(other)|count}",
)  # fmt: skip
TIP_OF_BUTTON: Final = tuple(f"?Go to the culprit: {one}" for one in PARTS)
_WHY: Final = (
    _of("queue", "Queue, <count> steps"), _of("preemption", "Preemption of request <request>"),
    _of("prefill", "Prefill of request <request>"), _of("batch", "Batch of <count> rows"), "“{~}”",
)  # fmt: skip
IN_TABLES: Final = (
    *(
        f"?{name} / {head} ƒ: {{{told}}}"
        for name, cause in NAMES.items()
        for head, told in (
            ("Time", f"info.delays.causes.{cause}.seconds|seconds"),
            ("Share", f"info.delays.causes.{cause}.seconds / info.delays.excess_s|percent"),
            ("Tokens", f"info.delays.causes.{cause}.late|count"),
        )
    ),
    *(f"?“{{~}}” / Why ƒ: {one}" for one in _WHY),
    *(
        f"“{{~}}” / {head}: {{[one.{told} for one in info.delays.most_delayed]|{unit}}}"
        for head, told, unit in (
            ("Late by ƒ ↓", "excess_s", "seconds"), ("Gap ●", "gap_s", "seconds"), ("Step", "step", "count"),
            ("Request", "request", "count"),
        )
    ),
)  # fmt: skip
TIPS_OF_TABLES: Final = tuple(f"?{one}" for one in PARTS)
