"""What basicsr 1.4.2 needs of torchvision and no longer finds there. Import before basicsr or realesrgan."""

from __future__ import annotations

import sys
from types import ModuleType

from torchvision.transforms.functional import rgb_to_grayscale

_NAME = "torchvision.transforms.functional_tensor"


def provide_functional_tensor() -> None:
    """Register the module that torchvision 0.17 removed, with the one function that basicsr takes from it."""
    if _NAME not in sys.modules:
        module = ModuleType(_NAME)
        module.rgb_to_grayscale = rgb_to_grayscale  # type: ignore[attr-defined]
        sys.modules[_NAME] = module
