"""Runs the stages one after the other, resumes an interrupted run, and reuses the finished stages of another."""
