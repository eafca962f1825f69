"""The devices of this machine, their memory, and the precision each is safe and fast in."""
