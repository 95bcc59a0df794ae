"""Each Triton kernel against float64 on this device, at full size, over outputs that are NaN until they are written."""

from __future__ import annotations

import torch

from engine.measure.triton_cases import CHECKED
from tests.gpu.stages.rehearsed import TINY
from tests.gpu.stages.setting import Setting
from tests.kernels.full_size import check_all

REHEARSED = ((TINY, torch.float32), (TINY, torch.bfloat16))


def run(setting: Setting) -> None:
    """A figure a kernel, size and dtype: the error of the worst row as a share of that row."""
    for sizes, dtype in REHEARSED if setting.rehearse else CHECKED:
        for row in check_all(sizes, setting.device, (dtype,)):
            how = f"{sizes.name}, {row.shape}, {row.dtype}; ‖error‖/‖true‖ of all {row.error:.2e}"
            setting.report.figure(row.kernel, row.largest, how=how, most=row.bound)
