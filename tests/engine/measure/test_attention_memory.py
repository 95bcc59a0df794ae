"""The memory of attention: what is counted is what lived at once, and each back end takes what its method must."""

from __future__ import annotations

import pytest
import torch

from engine.core.settings import Observation, RequestSpec, RunSpec, Switches
from engine.measure.attention_memory import Allocations
from engine.model.loader import LoadedModel
from engine.session.schema import Step, Token
from tests.engine.drive import drive

FLOAT = 4


def test_what_lives_at_once_counts_and_views_do_not() -> None:
    before = torch.zeros(1000)
    with Allocations() as counted:
        one = before + 1  # 4000 bytes
        two = one.view(10, 100)[2:]
        three = two * 2  # 3200 bytes
        del one, two
        assert counted.live_bytes == 800 * FLOAT
        four = three.sum()
    assert counted.peak_bytes == 1800 * FLOAT
    assert counted.live_bytes == 801 * FLOAT
    del three, four
    assert counted.live_bytes == 0


def test_memory_in_place_and_memory_from_before_do_not_count() -> None:
    before = torch.zeros(1000)
    with Allocations() as counted:
        before.add_(1)
        before[:10].mul_(2)
    assert counted.peak_bytes == 0


def peak(model: LoadedModel, attention: str, positions: int) -> tuple[int, int]:
    """(most bytes, positions) of the step that computed a prompt of about so many positions."""
    prompt = "the cat " * positions
    run = RunSpec(
        (RequestSpec(prompt[:positions], 2, ignore_eos=True),),
        Switches().changed(attention=attention, graphs=False),
        Observation("phase", attention_memory=True),
    )
    steps = [one for one in drive(model, run) if isinstance(one, Step)]
    assert all(step.attention_peak_bytes > 0 for step in steps)
    return steps[0].attention_peak_bytes, steps[0].positions_computed


@pytest.mark.parametrize("positions", [20, 40])
def test_the_reference_holds_matrices_of_scores(tiny_model: LoadedModel, positions: int) -> None:
    """Scores, masked scores and weights, [heads, n, n] each, live at once; the mask has a byte a place."""
    taken, n = peak(tiny_model, "reference", positions)
    heads = tiny_model.config.heads
    scores, rows = heads * n * n * FLOAT, heads * n * tiny_model.config.head_dim * FLOAT
    assert 3 * scores <= taken <= 3 * scores + n * n + 3 * rows


def test_no_memory_is_counted_unless_asked_for(tiny_model: LoadedModel) -> None:
    run = RunSpec((RequestSpec("the cat", 3, ignore_eos=True),), Switches(graphs=False))
    assert {one.attention_peak_bytes for one in drive(tiny_model, run) if isinstance(one, Step)} == {-1}


def test_counting_changes_no_token(tiny_model: LoadedModel) -> None:
    texts = []
    for counts in (False, True):
        for attention in ("reference", "sdpa"):
            run = RunSpec(
                (RequestSpec("the cat", 6, ignore_eos=True),),
                Switches().changed(attention=attention, graphs=False),
                Observation("phase", attention_memory=counts),
            )
            texts.append([one.token_id for one in drive(tiny_model, run) if isinstance(one, Token)])
    assert texts[0] == texts[1] == texts[2] == texts[3]
