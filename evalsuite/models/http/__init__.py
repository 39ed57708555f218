"""The HTTP client of `openai/`: connections, retries over failing servers, and the dialects of chat completions."""
