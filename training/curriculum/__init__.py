"""What a policy is asked, and when it has learnt what it can: Fleming-R1's two phases of reinforcement learning.

Phase 1 takes the tiers easy and moderate, and ends on a plateau of its reward; phase 2 draws from all tiers by what the
policy keeps failing, measured over the whole pool again and again.
"""
