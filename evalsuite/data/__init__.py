"""Load, pull, verify and audit the items of benchmarks, which are pinned by digests."""
