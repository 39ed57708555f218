"""Stage after stage: train, evaluate, gate, promote; resumable after any interruption."""
