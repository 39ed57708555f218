"""One evaluation run: what was requested, the loop that sends the missing requests, and its summary."""
