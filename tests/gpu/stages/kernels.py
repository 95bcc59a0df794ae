"""Each Triton kernel against float64 on this device, at full size, over outputs that are NaN until they are written."""

from __future__ import annotations

import torch

from tests.gpu.stages.setting import Setting
from tests.kernels.full_size import FULL, TINY, check_all


def run(setting: Setting) -> None:
    """A figure a kernel, size and dtype: the error as a share of the largest true value."""
    sizes = TINY if setting.rehearse else FULL
    with torch.inference_mode():
        for row in check_all(sizes, setting.device):
            how = f"{row.shape}, {row.dtype}; ‖error‖/‖true‖ {row.error:.2e}"
            setting.report.figure(f"{row.kernel}", row.largest, how=how, most=row.bound)
