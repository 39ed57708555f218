"""Marked-up text as plain text with its numbers intact: inline mark-up, tables, paragraphs; for XML and HTML alike."""
