"""Hands: a technician's visit, from the finding that needs it to the verdict."""
