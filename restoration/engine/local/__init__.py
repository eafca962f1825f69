"""The engine of one process: a scheduler per device."""
