"""What `openai/` is made of: HTTP that outlives failing servers, and the dialects that they speak."""
