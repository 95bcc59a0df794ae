"""`decodescope bench --suite batching`: the same requests static and continuous, as the panel “Batch” runs them."""

from __future__ import annotations

from app.cli.output import print_json
from app.cli.suite_recording import record_suite
from app.cli.table import columns
from app.look.units import NOT_APPLICABLE, count, percent, rate, seconds, significant
from engine.figures.batch_comparison import PolicyFigures, batch_comparison


def run_batching(output: str | None, as_json: bool) -> int:
    """Run both policies on the demo model; print the table, and write the runs to `output` if it is given."""
    found = batch_comparison(record_suite("batching", output))
    assert found is not None
    if as_json:
        print_json({"suite": "batching", **found.to_json()})
        return 0
    factors = (
        found.steps_factor, found.time_factor, found.rate_factor, found.ttft_factor, found.longest_ttft_factor,
    )  # fmt: skip
    print(
        columns(
            [
                ("batching", "requests", "steps", "time", "tokens/s", "TTFT, mean", "TTFT, longest", "wasted"),
                _cells("static", found.static),
                _cells("continuous", found.continuous),
                ("factor", "", *(NOT_APPLICABLE if one is None else f"{significant(one)}×" for one in factors), ""),
            ]
        )
    )
    return 0


def _cells(name: str, one: PolicyFigures) -> tuple[str, ...]:
    first, longest = (
        NOT_APPLICABLE if value is None else seconds(value) for value in (one.ttft_mean_s, one.ttft_longest_s)
    )
    tokens = NOT_APPLICABLE if one.tokens_per_s is None else rate(one.tokens_per_s, "tokens/s")
    return (
        name, count(one.requests), count(one.slots.steps), seconds(one.wall_s), tokens, first, longest,
        percent(one.slots.waste),
    )  # fmt: skip
