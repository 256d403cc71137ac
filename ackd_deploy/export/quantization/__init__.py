"""Eight and sixteen bits: each way to get there, and the search for its settings."""
