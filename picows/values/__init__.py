"""What the compiled module imports, which imports nothing of it."""
