"""Image algorithms without learned weights."""
