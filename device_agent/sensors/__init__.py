"""Sensors of the host: one module per source, described as data; ``catalogue`` lists them."""
