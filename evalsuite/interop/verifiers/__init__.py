"""verifiers: every task as an environment for reinforcement learning."""
