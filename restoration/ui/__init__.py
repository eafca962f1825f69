"""The page and its API: a thin face of the service."""
