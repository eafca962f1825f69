"""Damage to photographs; the same code serves training, benchmarks, examples and tests.

Every degradation is `f(image, *, rng, ...)` on float32 (H, W, C) in [0, 1], and a seeded `rng` repeats it exactly.
Single ones return the image, and zero strength is the identity. Those that act as a camera or the web does leave its
traces at any strength, rounding and JPEG among them, and some return beside the image what a network is to be told.
"""
