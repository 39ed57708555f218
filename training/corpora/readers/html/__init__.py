"""Pages of HTML: what their elements mean, and which of them are the main text."""
