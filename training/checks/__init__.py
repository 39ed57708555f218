"""Checks that stop a training run before it wastes GPU hours, at the three times at which they can be made.

- `readiness`: before the run begins, for every stage, without its start model: packages, GPUs, gates, data files.
- `preflight`: before a stage begins, with its start model: gold labels, traces, chat template, end of turn, row
  lengths, overlap with the recipe's benchmarks, and for grpo the rewards of sampled responses.
- `recheck`: when a stage begins to train: what could have changed in its data since preflight.

Each other module is one check, or something that several of them share: the rows (`checked_rows`), a row rendered with
the chat template (`rendering`), and the outcome of a check (`check_result`).
"""
