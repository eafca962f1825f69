"""Training and benchmarks; the application never imports this package."""
