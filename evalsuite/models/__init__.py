"""What answers requests: one small file a backend, behind the protocol in `backend`."""
