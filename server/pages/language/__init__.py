"""The reader's language: which one it is, its texts, its numbers, dates and units."""
