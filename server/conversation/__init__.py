"""The thread of a ticket: what people write, and what the system says, in the reader's language."""
