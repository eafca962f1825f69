"""Runs models on devices: tiles of all running jobs take turns, cancelled ones stop within one tile."""
