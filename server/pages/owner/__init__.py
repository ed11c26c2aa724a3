"""The owner's pages: is my device all right; if not, what you are doing about it, when, who."""
