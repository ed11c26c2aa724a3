"""A living fleet to look at: simulated machines and one real host, through the real wire."""
