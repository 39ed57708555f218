"""The strict parse as a reward, and the data that it pays on: training pays for what the benchmark counts.

    reward = StrictReward()                                # for TRL: GRPOTrainer(reward_funcs=reward, ...)
    reward(completions=["<answer>B</answer>"], gold=["B"], labels=[["A", "B"]])     # [1.0]
    dataset("medqa", tokenizer)                            # its train items, as TRL's train_dataset

`verl`, `openrlhf` and `open_instruct` beside it are the same reward in those trainers' signatures.
"""

from evalsuite.reward.ground_truth import GroundTruth
from evalsuite.reward.strict_reward import StrictReward
from evalsuite.reward.train_dataset import dataset

__all__ = ["GroundTruth", "StrictReward", "dataset"]
