"""The peak performance of GPUs by NVIDIA's data sheets."""

from __future__ import annotations

from typing import Final, NamedTuple


class Gpu(NamedTuple):
    """One GPU's peak performance."""

    flops: float
    """FLOP/s of dense bfloat16 matrix products, which is half of the value with sparsity in the data sheet."""
    memory: float
    """Bytes."""
    bandwidth: float
    """Bytes/s between memory and processor."""


GPUS: Final = {
    "H100": Gpu(989.5e12, 80e9, 3.35e12),
    "H200": Gpu(989.5e12, 141e9, 4.8e12),
    "A100": Gpu(312e12, 80e9, 2.039e12),
}
"""The SXM models; the A100 with 80 GB."""
