"""Which models there are, what they take, and how one is loaded."""
