"""From a response to a grade: the parser's result compared with the gold label."""
