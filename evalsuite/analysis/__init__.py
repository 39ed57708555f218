"""Finished runs, read and compared: pairs, leaderboards, ranks and regrading."""
