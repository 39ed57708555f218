"""inspect-ai: tasks registered with it, runs exported as its logs, and its logs imported as runs."""
