"""De-identification of clinical text that comes from outside: identifiers out, clinical content kept."""
