"""What `import evalsuite` offers; the functions are documented in docs/python.md."""
