"""Pictures: from files, PIL images and arrays to float32 RGB in [0, 1], and back without loss of what must survive."""

from restoration.images.picture import BitDepth, FloatArray, Picture, gray_of, quantize

__all__ = ["BitDepth", "FloatArray", "Picture", "gray_of", "quantize"]
