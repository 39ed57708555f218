"""Tasks: their cards, items, prompts and answer formats."""
