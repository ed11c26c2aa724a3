"""Samples on disk: one port, its adapters, and the shape of what is asked of it."""
