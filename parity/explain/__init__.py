"""Which differences cause a gap between two engines: switched one at a time and together, on the same rows."""
