"""Training data: manifests, rows and their checks."""
