"""Small helpers without knowledge of evaluation: files, text, YAML, JSON lines, validation."""
