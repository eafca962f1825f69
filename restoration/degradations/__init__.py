"""What happens to photographs: the same code for training, benchmarks, examples and tests.

Every degradation is `f(image, *, rng, ...) -> image` on float32 (H, W, C) in [0, 1]; zero strength is the identity, and
a seeded `rng` repeats it exactly.
"""
