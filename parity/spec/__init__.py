"""What is asked for, and nothing that a framework calls it."""
