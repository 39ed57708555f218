"""Documents of PDF: characters with places, as lines, tables and paragraphs."""
