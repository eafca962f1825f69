"""The size that HEVC and AV1 bitstreams are coded in, bit by bit; their decoders take memory for that size.

Reference:
    ITU-T H.265, 7.3.2.2 and 7.3.3; AV1 Bitstream and Decoding Process Specification, 5.3 and 5.5.
"""

from __future__ import annotations

_SPS = 33
_SEQUENCE_HEADER = 1


class _Bits:
    """Read numbers of any width from bytes; behind the end there are zeros."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data)
        self._left = 8 * len(data)

    def take(self, count: int) -> int:
        self._left -= count
        shifted = self._number >> self._left if self._left >= 0 else 0
        return shifted & ((1 << count) - 1)

    def exp_golomb(self) -> int:
        zeros = 0
        while zeros < 32 and self._left > 0 and not self.take(1):
            zeros += 1
        return (1 << zeros) - 1 + self.take(zeros)


def hevc_size(configuration: bytes) -> tuple[int, int] | None:
    """Return (width, height) from the parameter sets in an `hvcC` box; None where they are missing."""
    position = 23
    for _ in range(configuration[22] if len(configuration) > 22 else 0):
        kind, units = configuration[position] & 0x3F, int.from_bytes(configuration[position + 1 : position + 3])
        position += 3
        for _ in range(units):
            length = int.from_bytes(configuration[position : position + 2])
            unit = configuration[position + 2 : position + 2 + length]
            position += 2 + length
            if kind == _SPS:
                return _size_of_sps(unit.replace(b"\0\0\3", b"\0\0"))
    return None


def _size_of_sps(unit: bytes) -> tuple[int, int]:
    bits = _Bits(unit[:200])
    bits.take(16 + 4)
    layers = bits.take(3)
    bits.take(1 + 96)
    present = [(bits.take(1), bits.take(1)) for _ in range(layers)]
    if layers:
        bits.take(2 * (8 - layers))
    for has_profile, has_level in present:
        bits.take(88 * has_profile + 8 * has_level)
    bits.exp_golomb()
    if bits.exp_golomb() == 3:  # the colours are not subsampled
        bits.take(1)
    return bits.exp_golomb(), bits.exp_golomb()


def av1_size(data: bytes) -> tuple[int, int] | None:
    """Return (width, height) from the first sequence header of a stream of OBUs; None where it starts with none."""
    position = 0
    while position + 2 <= len(data):
        header = data[position]
        position += 2 if header & 4 else 1
        length, shift = 0, 0
        while header & 2 and position < len(data) and shift < 56:
            byte = data[position]
            length |= (byte & 0x7F) << shift
            position, shift = position + 1, shift + 7
            if not byte & 0x80:
                break
        if header >> 3 & 15 == _SEQUENCE_HEADER:
            return _size_of_sequence(data[position : position + 100])
        if header & 0x81 or not header & 2 or header >> 3 & 15 != 2:  # only a temporal delimiter stands before it
            return None
        position += length
    return None


def _size_of_sequence(data: bytes) -> tuple[int, int]:
    bits = _Bits(data)
    bits.take(3 + 1)
    if bits.take(1):  # a reduced header of a still picture
        bits.take(5)
    else:
        _skip_operating_points(bits)
    width_bits, height_bits = bits.take(4) + 1, bits.take(4) + 1
    return bits.take(width_bits) + 1, bits.take(height_bits) + 1


def _skip_operating_points(bits: _Bits) -> None:
    delay_bits = 0
    if bits.take(1):  # timing
        bits.take(64)
        if bits.take(1):
            bits.exp_golomb()
        if bits.take(1):  # decoder model
            delay_bits = bits.take(5) + 1
            bits.take(42)
    has_display_delay = bits.take(1)
    for _ in range(bits.take(5) + 1):
        bits.take(12)
        if bits.take(5) > 7:
            bits.take(1)
        if delay_bits and bits.take(1):
            bits.take(2 * delay_bits + 1)
        if has_display_delay and bits.take(1):
            bits.take(4)
