"""What importing shares between harnesses: one shape for logs, matching with items, and writing the run folder."""
