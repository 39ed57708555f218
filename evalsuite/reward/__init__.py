"""The strict reading as a reward, and the data that it pays on: training pays for what the benchmark counts.

    reward = StrictReward()                                # for TRL: GRPOTrainer(reward_funcs=reward, ...)
    reward(completions=["<answer>B</answer>"], gold=["B"], labels=[["A", "B"]])     # [1.0]
    dataset("medqa", tokenizer)                            # its train items, as TRL's train_dataset

`verl`, `openrlhf` and `open_instruct` beside it are the same reward in those trainers' signatures.
"""

from evalsuite.reward.rows import dataset
from evalsuite.reward.strict import StrictReward
from evalsuite.reward.truth import Truth

__all__ = ["StrictReward", "Truth", "dataset"]
