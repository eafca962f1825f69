"""Weights files: found, fetched, checked and read."""
