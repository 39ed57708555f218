"""The shapes of questions: what each tells, what it hides, and what refutes its distractors."""
