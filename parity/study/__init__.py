"""Cells, the executor that fits them, and the store that keeps them."""
