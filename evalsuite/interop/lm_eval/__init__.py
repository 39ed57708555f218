"""lm-evaluation-harness: tasks exported as its task files, and its sample logs imported as runs."""
