"""Whether a stage's model replaces the last promoted one: evaluation, gate verdict and diagnosis."""
