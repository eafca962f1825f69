"""Pictures: from files, PIL images and arrays to float32 RGB in [0, 1], and back without loss of what must survive."""

from restoration.images.alpha import bleed_alpha, flatten
from restoration.images.decode import ImageSource, decode_file, read, read_to_measure, read_to_show
from restoration.images.decoded import Decoded
from restoration.images.encode import FileFormat, check_side, encode, format_of, lossless_format, preview_bytes, write
from restoration.images.header import ImageHeader, probe
from restoration.images.jpeg import jpeg_table
from restoration.images.kernels import kernel_picture, read_kernel, write_kernel
from restoration.images.limits import MAX_PIXELS, MAX_PIXELS_TO_FIT, MAX_SIDE_PX, MAX_SIDE_TO_FIT_PX
from restoration.images.mask_files import read_mask
from restoration.images.masks import check_mask, feather, grow_mask, kept_by_layers, mask_from_layers
from restoration.images.own_range import in_own_range
from restoration.images.picture import BitDepth, Picture, gray_of, gray_pixels, quantize
from restoration.images.shrink import shrink_to, shrink_to_side
from restoration.images.tiff import MOST_FRAMES

__all__ = [
    "MAX_PIXELS",
    "MAX_PIXELS_TO_FIT",
    "MAX_SIDE_PX",
    "MAX_SIDE_TO_FIT_PX",
    "MOST_FRAMES",
    "BitDepth",
    "Decoded",
    "FileFormat",
    "ImageHeader",
    "ImageSource",
    "Picture",
    "bleed_alpha",
    "check_mask",
    "check_side",
    "decode_file",
    "encode",
    "feather",
    "flatten",
    "format_of",
    "gray_of",
    "gray_pixels",
    "grow_mask",
    "in_own_range",
    "jpeg_table",
    "kept_by_layers",
    "kernel_picture",
    "lossless_format",
    "mask_from_layers",
    "preview_bytes",
    "probe",
    "quantize",
    "read",
    "read_kernel",
    "read_mask",
    "read_to_measure",
    "read_to_show",
    "shrink_to",
    "shrink_to_side",
    "write",
    "write_kernel",
]
