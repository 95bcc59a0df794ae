"""The requests that the options of `record` and `attach` describe."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from engine.client.requests_file import check_text, read_requests
from engine.core.sampling import KINDS, Sampling
from engine.core.settings import RequestSpec
from engine.errors import InputError


def requests_of(options: argparse.Namespace, otherwise: Sequence[str] = ()) -> tuple[RequestSpec, ...]:
    """The requests, with the prompts of `otherwise` where the options name none; raises InputError."""
    sampling = Sampling(**{name: getattr(options, name) for name in KINDS})
    for stop in options.stop:
        check_text(f"The stop text {stop!r}", stop)
    stops = tuple(options.stop)
    if options.requests is not None and options.prompt:
        raise InputError("Give either --prompt or --requests, not both.")
    if options.requests is not None:
        return read_requests(
            options.requests, options.max_new_tokens, options.ignore_eos, sampling, options.chat, stops
        )
    for prompt in options.prompt or ():
        check_text(f"The prompt {prompt!r}", prompt)
    return tuple(
        RequestSpec(prompt, options.max_new_tokens, 0.0, options.ignore_eos, stops, sampling, options.chat)
        for prompt in options.prompt or otherwise
    )
