"""The attention kernels in Triton's interpreter: a part of the grid that a GPU runs whole (tests/gpu)."""

from __future__ import annotations

import pytest
import torch

from kernels import device as device_module
from kernels.attention_row import attention_row
from kernels.decode_attention import DecodeWorkspace, choose_splits, decode_attention, merge_reference
from kernels.device import check_device
from kernels.errors import KernelUnavailableError
from kernels.kv import ContiguousKV, PagedKV
from kernels.prefill_attention import Tiles, prefill_attention, prefill_reference
from tests.kernels.attention_cases import Case, batch_of, check, decode_grid, make_inputs, prefill_grid

F32, BF16 = torch.float32, torch.bfloat16

PREFILL = [
    Case(((1, 1),)),
    Case(((15, 15), (16, 16), (17, 17)), (3, 1), 24),
    Case(((63, 20), (64, 10), (129, 5)), (4, 2), 33, 0),
    Case(((65, 65),), (3, 1), 80, 16, 40),
    Case(((40, 40), (0, 1), (33, 2)), (8, 1), 64, 5, 1),
    Case(((70, 33),), (4, 4), 96, 1, 7),
    Case(((65, 65),), (3, 1), 128, 16, None, BF16),
    Case(((17, 17),), (4, 2), 256, 0, None, BF16),
    Case(((33, 33), (1, 1)), (2, 1), 256, 16),
    Case(batch_of(17, 20, 3), (3, 1), 24, 16, 7),
    Case(((48, 48), (31, 5)), (4, 2), 80, 0, 16, BF16),
    Case(((21, 21), (1, 1), (40, 40)), (3, 1), 24, -1, 30),
]

DECODE = [
    Case(((1, 1),), splits=4),
    Case(((15, 1), (16, 1), (17, 1)), (3, 1), 24, 16, None, F32, 2),
    Case(((64, 1), (65, 1), (63, 1)), (4, 2), 33, 0, None, F32, 3),
    Case(((129, 5),), (3, 1), 80, 16, 40, F32, 5),
    Case(((40, 5), (0, 1), (33, 2)), (8, 1), 64, 5, 1, F32, 2),
    Case(((200, 9),), (4, 4), 96, 1, None, F32, 16),
    Case(((700, 1),), (4, 2), 64),
    Case(((65, 1), (1, 1)), (3, 1), 128, 16, None, BF16, 4),
    Case(((17, 5),), (4, 2), 256, 0, None, BF16, 1),
    Case(((33, 1), (90, 4)), (2, 1), 256, 16, 11, F32, 4),
    Case(batch_of(17, 40, 3), (3, 1), 24, 16, 7, F32, 2),
    Case(((21, 2), (1, 1), (40, 5)), (4, 2), 24, -1, None, F32, 2),
]


@pytest.mark.parametrize("case", PREFILL, ids=str)
def test_prefill_is_the_formula(case: Case) -> None:
    check(case, "cpu", "prefill")


@pytest.mark.parametrize("case", DECODE, ids=str)
def test_decode_is_the_formula(case: Case) -> None:
    check(case, "cpu", "decode")


@pytest.mark.parametrize("tiles", [Tiles(16, 16), Tiles(16, 64), Tiles(64, 16)], ids=str)
@pytest.mark.parametrize("window", [None, 9])
def test_how_the_work_is_cut_changes_nothing(tiles: Tiles, window: int | None) -> None:
    case = Case(((40, 40), (37, 3)), (3, 1), 32, 8, window)
    check(case, "cpu", "prefill", tiles)
    check(case, "cpu", "decode", tiles)


def test_the_grid_covers_what_is_promised() -> None:
    for grid in (prefill_grid(), decode_grid()):
        assert {64, 80, 96, 128, 256} <= {case.head_dim for case in grid}
        for dtype in (F32, BF16):
            mine = [case for case in grid if case.dtype == dtype]
            assert {1, 3, 17} == {len(case.sequences) for case in mine}
            assert {(3, 1), (4, 4), (8, 1)} <= {case.heads for case in mine}
            assert {-1, 0, 1, 5, 16} == {case.block_size for case in mine}
            assert len({case.window for case in mine}) >= 3
            assert {1, 15, 16, 17, 63, 64, 65} <= {case.sequences[0][0] for case in mine}
            assert any((0, 1) in case.sequences for case in mine)
        assert len(grid) <= 300  # a GPU compiles nearly each of them for itself
    lengths = [(case.sequences[0][0], case.splits) for case in decode_grid()]
    assert any(splits is not None and length < splits for length, splits in lengths)  # some splits are empty


def test_the_reference_is_the_formula_by_hand() -> None:
    q = torch.tensor([[[1.0, 0.0]], [[0.0, 2.0]]], dtype=torch.float64)  # two rows of one head
    k = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]], dtype=torch.float64)
    v = torch.tensor([[[1.0, 0.0], [0.0, 10.0]]], dtype=torch.float64)
    out, lse = prefill_reference(q, [(k, v)], [0, 2], scale=1.0)
    assert out[0, 0].tolist() == [1.0, 0.0]  # sees itself only
    two = torch.tensor([0.0, 2.0], dtype=torch.float64).softmax(0)
    assert torch.allclose(out[1, 0], two * torch.tensor([1.0, 10.0], dtype=torch.float64))
    assert torch.allclose(lse[:, 0], torch.tensor([1.0, torch.logsumexp(torch.tensor([0.0, 2.0]), 0).item()]).double())


def test_partial_results_merge_to_the_whole_and_empty_ones_weigh_nothing() -> None:
    torch.manual_seed(0)
    scores, v = torch.randn(3, 2, 9, dtype=torch.float64), torch.randn(9, 4, dtype=torch.float64)
    o, lse = torch.zeros(3, 3, 2, 4, dtype=torch.float64), torch.full((3, 3, 2), -torch.inf, dtype=torch.float64)
    for split, part in enumerate((slice(0, 4), slice(4, 9))):
        o[split] = scores[..., part].softmax(-1) @ v[part]
        lse[split] = scores[..., part].logsumexp(-1)
    merged, merged_lse = merge_reference(o, lse)
    assert torch.allclose(merged, scores.softmax(-1) @ v)
    assert torch.allclose(merged_lse, scores.logsumexp(-1))
    nothing, nothing_lse = merge_reference(o[2:], lse[2:])
    assert nothing.eq(0).all()
    assert nothing_lse.eq(-torch.inf).all()


def test_splits_fill_the_device_and_are_never_tiny() -> None:
    assert choose_splits(8, 100, 132) == 1  # nothing to split
    assert choose_splits(8, 4096, 132) == 16  # as many as leave 256 positions each
    assert choose_splits(8, 1_000_000, 132) == 64
    assert choose_splits(512, 1_000_000, 132) == 2
    assert choose_splits(4096, 1_000_000, 132) == 1
    assert choose_splits(8, 4096, 1) == 1  # the interpreter


def test_rows_behind_the_last_sequence_are_left_alone() -> None:
    inputs = make_inputs(Case(((9, 1), (5, 1), (4, 1)), (2, 1), 16), "cpu")
    out = torch.full(inputs.q.shape, 7.0)
    decode_attention(inputs.q, inputs.kv, inputs.starts[:3], inputs.lengths[:2], max_rows=1, max_length=9, splits=2,
                     out=out)  # fmt: skip
    assert out[2].eq(7.0).all()
    assert torch.allclose(out[:2].double(), inputs.true_out[:2], atol=1e-5)


@pytest.mark.parametrize("kernel", ["prefill", "decode"])
def test_a_launch_may_take_some_sequences_of_a_batch_and_leave_the_others(kernel: str) -> None:
    inputs = make_inputs(Case(((9, 2), (5, 3), (4, 1)), (2, 1), 16), "cpu")
    assert isinstance(inputs.kv, PagedKV)
    kv = PagedKV(inputs.kv.pool, inputs.kv.tables[[2, 0]])
    starts, ends, lengths = torch.tensor([[5, 0], [6, 2], [4, 9]], dtype=torch.int32)
    out, lse = torch.full(inputs.q.shape, 7.0), torch.full(inputs.q.shape[:2], 7.0)
    if kernel == "prefill":
        prefill_attention(inputs.q, kv, starts, lengths, ends=ends, max_rows=2, out=out, lse=lse)
    else:
        decode_attention(inputs.q, kv, starts, lengths, ends=ends, max_rows=2, max_length=9, splits=2, out=out, lse=lse)
    mine = [0, 1, 5]
    assert torch.allclose(out[mine].double(), inputs.true_out[mine], atol=1e-5)
    assert torch.allclose(lse[mine].double(), inputs.true_lse[mine], atol=1e-5)
    assert out[2:5].eq(7.0).all()
    assert lse[2:5].eq(7.0).all()


def test_one_launch_serves_every_length_below_its_bucket() -> None:
    """What a captured graph replays: tensors that stay where they are, values in them that change."""
    inputs = make_inputs(Case(((40, 1), (33, 1)), (4, 2), 32), "cpu")
    assert isinstance(inputs.kv, PagedKV)
    out, workspace = torch.empty_like(inputs.q), DecodeWorkspace.of(4, inputs.q)
    for length in (40, 17, 1, 0):
        inputs.lengths[0] = length
        decode_attention(inputs.q, inputs.kv, inputs.starts, inputs.lengths, max_rows=1, max_length=512, splits=4,
                         out=out, workspace=workspace)  # fmt: skip
        sequences = [
            (k[:, :n].double(), v[:, :n].double()) for (k, v), n in zip(inputs.sequences, (length, 33), strict=True)
        ]
        true, _ = prefill_reference(inputs.q.double(), sequences, [0, 1, 2])
        assert torch.allclose(out.double(), true, atol=1e-5)


def test_what_does_not_fit_is_refused() -> None:
    inputs = make_inputs(Case(((9, 1),), (4, 2), 16), "cpu")
    with pytest.raises(ValueError, match="do not fit"):
        prefill_attention(inputs.q.half(), inputs.kv, inputs.starts, inputs.lengths, max_rows=1)
    with pytest.raises(ValueError, match="do not fit"):
        attention_row(inputs.q[:, :3], inputs.kv, torch.zeros(1, 3), inputs.starts, inputs.lengths, max_rows=1,
                      max_length=9)  # fmt: skip
    with pytest.raises(ValueError, match="the step needs"):
        decode_attention(inputs.q, inputs.kv, inputs.starts, inputs.lengths, max_rows=1, max_length=9, splits=4,
                         workspace=DecodeWorkspace.of(2, inputs.q))  # fmt: skip
    pool = torch.zeros(2, 3, 4, 2, 16)
    with pytest.raises(ValueError, match="int32"):
        prefill_attention(inputs.q, PagedKV(pool, torch.zeros(1, 3, dtype=torch.int64)), inputs.starts, inputs.lengths,
                          max_rows=1)  # fmt: skip


def test_alignment_is_known_from_the_addresses() -> None:
    k = torch.zeros(2, 5, 16)
    assert ContiguousKV.of([k], [k]).aligned
    assert not ContiguousKV.of([k[..., 1:]], [k[..., 1:]]).aligned
    assert not ContiguousKV.of([torch.zeros(2, 5, 33)], [torch.zeros(2, 5, 33)]).aligned


def test_without_a_gpu_or_the_interpreter_the_reason_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "INTERPRETED", False)
    with pytest.raises(KernelUnavailableError, match=r"need a CUDA device.*got a tensor on cpu"):
        check_device(torch.zeros(1))
