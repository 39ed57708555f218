"""Find benchmark items in training data: word for word, reworded, and by long common stretches."""
