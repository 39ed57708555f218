"""What importing a log shares, whichever harness wrote it."""
