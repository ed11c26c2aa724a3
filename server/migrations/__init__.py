"""The records' schema over time."""
