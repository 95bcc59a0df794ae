"""`decodescope attach URL --doctor`: what a server offers, what is missing, and which flag adds it."""

from __future__ import annotations

import argparse
import asyncio
import os

from app.cli.output import print_json, say
from engine.core.settings import AttachSpec
from engine.errors import InputError
from engine.serving.doctor.doctor import examined
from engine.serving.doctor.doctor_text import diagnosis_json, diagnosis_text
from engine.serving.server.address import server_address
from engine.serving.server.api_key import find_key


def examine(options: argparse.Namespace, spec: AttachSpec) -> int:
    """Print the diagnosis; nothing is recorded."""
    if options.prompt or options.requests is not None:
        raise InputError("--doctor sends a request of its own; leave out --prompt and --requests.")
    address = server_address(spec.url)
    say(f"asking {address} for one token (max_tokens: 1).")
    diagnosis = asyncio.run(examined(spec, find_key(address, os.environ)))
    if options.json:
        print_json(diagnosis_json(diagnosis))
    else:
        print(diagnosis_text(diagnosis))
    return 0
