"""One evaluation run: what was requested, the loop that asks for what is missing, and its summary."""
