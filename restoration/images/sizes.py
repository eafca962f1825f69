"""Files that say two sizes: the one that is checked must be the one that is decoded."""

from __future__ import annotations

from restoration.errors import CorruptImage


def check_one_size(name: str, said: tuple[int, int], other: tuple[int, int]) -> None:
    """Check that two statements of (width, height) in one file agree.

    Raises:
        CorruptImage: they do not.
    """
    if said != other:
        raise CorruptImage(
            f"The {name} file says two sizes, {said[0]}x{said[1]} px and {other[0]}x{other[1]} px; "
            "open it in an image editor and save it anew."
        )


def check_decoded_size(name: str, said: tuple[int, int], decoded: tuple[int, int]) -> None:
    """Check that a decoder gave what the header said, upright or lying.

    Raises:
        CorruptImage: it did not.
    """
    if sorted(said) != sorted(decoded):
        check_one_size(name, said, decoded)
