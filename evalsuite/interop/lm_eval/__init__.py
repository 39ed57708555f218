"""lm-evaluation-harness: tasks exported for it, and its sample logs imported as runs."""
