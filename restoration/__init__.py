"""Restore photographs: denoise, remove JPEG blocks, deblur, enlarge, inpaint, brighten.

Example:
    >>> from restoration import restore
    >>> result = restore("photo.jpg", task="denoise", sigma=25)  # doctest: +SKIP
    >>> result.save("photo.png")  # doctest: +SKIP
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from restoration.errors import RestorationError
    from restoration.service.door import Service
    from restoration.service.python import default_service, restore
    from restoration.types import RestoreRequest, RestoreResult, Task

__version__ = "0.2.0"

__all__ = [
    "RestorationError",
    "RestoreRequest",
    "RestoreResult",
    "Service",
    "Task",
    "__version__",
    "default_service",
    "restore",
]

_HOMES = {
    "RestorationError": "errors",
    "RestoreRequest": "types",
    "RestoreResult": "types",
    "Service": "service.door",
    "Task": "types",
    "default_service": "service.python",
    "restore": "service.python",
}


def __getattr__(name: str) -> Any:
    """Import a public name on first use, so that importing one low floor does not import the whole house."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
