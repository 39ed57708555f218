"""The strict parse as a reward for reinforcement learning, and datasets with the columns that it reads.

    reward = StrictReward()                                # for TRL: GRPOTrainer(reward_funcs=reward, ...)
    reward(completions=["<answer>B</answer>"], gold=["B"], labels=[["A", "B"]])     # [1.0]
    dataset("medqa", tokenizer)                            # MedQA's train items, as TRL's train_dataset

The modules `verl`, `openrlhf` and `open_instruct` wrap the same reward in the signatures of those trainers.
"""

from evalsuite.reward.ground_truth import GroundTruth
from evalsuite.reward.strict_reward import StrictReward
from evalsuite.reward.train_dataset import dataset

__all__ = ["GroundTruth", "StrictReward", "dataset"]
