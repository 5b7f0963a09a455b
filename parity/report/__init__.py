"""One parity.json, and every page and picture made from it."""
