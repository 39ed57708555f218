"""What a GPU can do, as its data sheet says."""

from __future__ import annotations

from typing import Final, NamedTuple


class Gpu(NamedTuple):
    """FLOP/s of dense bfloat16 matrix products, bytes of memory, bytes/s to and from it."""

    flops: float
    memory: float
    bandwidth: float


GPUS: Final = {
    "H100": Gpu(989.5e12, 80e9, 3.35e12),
    "H200": Gpu(989.5e12, 141e9, 4.8e12),
    "A100": Gpu(312e12, 80e9, 2.039e12),
}
"""The SXM models; the A100 with 80 GB."""
