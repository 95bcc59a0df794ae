"""What a runner of DecodeScope, with a window or without, is asked and answers, in the terms of the program."""

from __future__ import annotations

import time

from engine.core.sampling import Sampling
from engine.core.settings import Observation, Probe, RequestSpec, RunSpec, Switches
from engine.figures.metrics import by_id, kernel_counts, launch_counts, phase_table_s, step_walls_s
from engine.session.schema import PHASES
from engine.session.store import Session
from tests.benchmarks.runners.work import Outcome, Work


def run_of(work: Work) -> RunSpec:
    """The run that a work asks for; switches that it does not name are the program's own."""
    sampling = Sampling(temperature=work.temperature, top_p=work.top_p)
    requests = tuple(RequestSpec(text, work.tokens, ignore_eos=True, sampling=sampling) for text in work.texts)
    probe = Probe(0, 0) if work.probed else None
    return RunSpec(requests, Switches().changed(**work.switches), Observation(work.detail, probe))  # type: ignore[arg-type]


class Limit:
    """Whether a run takes longer than its work may."""

    def __init__(self, work: Work) -> None:
        self._end_s = time.monotonic() + work.limit_s
        self._least = 2 * len(work.ids)
        self._told = False

    def passed(self, session: Session) -> bool:
        """True once: when the run should be ended."""
        if self._told or time.monotonic() < self._end_s or len(session.tokens) < self._least:
            return False
        self._told = True
        return True


def outcome_of(session: Session, work: Work) -> Outcome:
    """What a run did; the program must have made the same ids of the prompts, and computed all of them."""
    requests = by_id(session)
    assert [request.prompt_token_ids for request in requests] == work.ids
    begun_ns = min(request.scheduled_ns or 0 for request in requests)
    ids, emitted_ns = (session.tokens[name] for name in ("token_id", "emitted_ns"))
    rows = [request.token_rows for request in requests]
    return Outcome(
        [ids[one].tolist() for one in rows],
        [((emitted_ns[one] - begun_ns) / 1e9).tolist() for one in rows],
        sample_share(session),
        how_it_ran(session),
    )


def sample_share(session: Session) -> float | None:
    """The phase `sample` as a share of the time of the steps after the first (the prompt's); None where not timed."""
    sampled_s = phase_table_s(session)[1:, PHASES.index("sample")].sum()
    return float(sampled_s / step_walls_s(session)[1:].sum()) if sampled_s else None


def how_it_ran(session: Session) -> str:
    """How many of its steps were launched how, and which kernels of attention ran."""
    launches = [f"{launch} {count}" for launch, count in launch_counts(session).items()]
    return ", ".join([*launches, *kernel_counts(session)])
