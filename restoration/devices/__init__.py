"""The devices of this machine, their memory, and the precisions that are safe and fast on each."""
