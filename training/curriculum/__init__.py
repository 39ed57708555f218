"""Which prompts a policy is trained on and when a phase ends, after the two phases of Fleming-R1 (arXiv:2509.15279).

Phase 1 uses the tiers easy and moderate, and ends on a plateau of its reward. Phase 2 draws from all tiers by
hard-sample mining: prompts that the policy keeps failing get more weight, measured over the whole pool again and again.
"""
