"""What the owner is promised about a case, and who answers for it."""
