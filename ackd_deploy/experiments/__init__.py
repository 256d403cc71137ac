"""Several methods over several seeds, compared on the same rows."""
