"""What a text must be to stay: its language, its quality, and nothing in it that identifies a person."""
