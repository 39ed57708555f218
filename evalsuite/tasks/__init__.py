"""What a benchmark is: its card, its items, its prompt and its answer format."""
