"""All checks of one case."""

from __future__ import annotations

import re
from traceback import format_exception

from engine.core.kv_cache import OutOfKvMemory
from engine.errors import InputError
from engine.session.schema import RequestFinished
from tests.search.accounts import check_accounts
from tests.search.drawing import draw_case
from tests.search.filing import check_file, session_of
from tests.search.findings import Finding, Findings, unless
from tests.search.room import all_fit
from tests.search.running import Outcome, run_case, switches_of
from tests.search.texts import check_texts

NO_ROOM = re.compile(r"\d+ positions need \d+ (bytes|blocks)")


def search_case(seed: int, index: int) -> list[Finding]:
    """Run case `index` of a search and check it; a check that fails in any other way is a finding, too."""
    case = draw_case(seed, index)
    try:
        return check(run_case(case))
    except Exception as error:  # the search goes on, whatever a case does
        return [Finding("crash", "".join(format_exception(error)[-6:]))]


def check(outcome: Outcome) -> list[Finding]:
    """Everything that is wrong with an outcome."""
    found = list(check_ending(outcome))
    session, batches = session_of(outcome)
    for findings in (check_texts(outcome), check_accounts(outcome, session), check_file(outcome, session, batches)):
        found += findings
    return found


def check_ending(outcome: Outcome) -> Findings:
    """No hang, no failure but for memory that one request alone does not fit into, no refusal but where it is due."""
    yield from unless(not outcome.hang, "hang", outcome.hang)
    failure = outcome.failure
    if failure is not None:
        deserved = isinstance(failure, OutOfKvMemory | InputError) and NO_ROOM.search(str(failure))
        if not deserved or not too_small(outcome):
            yield Finding("crash", "".join(format_exception(failure)[-6:]))
    for command, due, said in outcome.refusals:
        yield from unless(due == bool(said), "refusal", f"{type(command).__name__}: {said or 'carried out'}")
        yield from unless(" failed: " not in said, "crash", said)


def too_small(outcome: Outcome) -> bool:
    """Whether a request that had not finished needs more than the cache's limit, were it alone."""
    switches = switches_of(outcome)[-1][1]
    done = {event.id for event in outcome.of(RequestFinished) if event.finish_reason != "cancelled"}
    left = [spec for index, spec in enumerate(outcome.specs) if index not in done]
    return not all_fit(outcome.target, left, switches, outcome.case.captures)
