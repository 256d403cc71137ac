"""Figures, bounds and verdicts: what an exported variant must prove before it may leave."""
