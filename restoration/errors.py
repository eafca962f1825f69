"""Everything this package raises on purpose.

    RestorationError
    ├── InvalidRequest (ValueError)         the caller can mend it: CLI exit code 2
    │   ├── UnknownModel (LookupError)
    │   ├── InvalidParameter
    │   ├── InvalidMask
    │   └── InvalidImage
    │       ├── UnsupportedImage            not a picture format we read
    │       ├── CorruptImage                a picture, but damaged or cut off
    │       └── ImageTooLarge
    ├── ModelUnavailable (RuntimeError)     the model cannot run on this machine now
    │   └── WeightsUnavailable (OSError)    its weights are absent, wrong or cannot be had
    ├── ManifestError (ValueError)          weights/manifest.toml is wrong
    ├── DeadlinePassed (TimeoutError)       the run took longer than this service allows
    ├── LeaseExpired (TimeoutError)         nobody read what the run had to tell
    ├── OutOfMemory (MemoryError)
    └── UnstableOutput (ArithmeticError)    the network answered with NaN or infinity

Every message says what was expected, what came, and what to do, in one sentence that may be shown to a user.
"""

from __future__ import annotations

from typing import Any


class RestorationError(Exception):
    """Base of all errors that this package raises on purpose; `str(error)` is fit for a user's eyes.

    They can be pickled, so that they reach the caller from another process, too.
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self.args, dict(self.__dict__))


def _rebuilt(kind: type[RestorationError], args: tuple[Any, ...], values: dict[str, Any]) -> RestorationError:
    """Return an error as it was; its constructor may take other arguments than `Exception.args` keeps."""
    builtin: type = kind
    while builtin.__module__ != "builtins":
        builtin = builtin.__base__  # type: ignore[assignment]  # of several bases, the one whose layout it has
    error: RestorationError = builtin.__new__(kind, *args)
    error.args = args
    error.__dict__.update(values)
    return error


class InvalidRequest(RestorationError, ValueError):
    """The request cannot be carried out as it stands; the caller can mend it."""


class UnknownModel(InvalidRequest, LookupError):
    """No model of that name exists, or it does not do the task asked for."""

    def __init__(self, message: str, *, model: str, suggestions: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.model = model
        self.suggestions = suggestions

    def __str__(self) -> str:
        return str(self.args[0])


class InvalidParameter(InvalidRequest):
    """A parameter is unknown to the model, of the wrong type, or out of its range."""

    def __init__(self, message: str, *, name: str) -> None:
        super().__init__(message)
        self.name = name


class InvalidMask(InvalidRequest):
    """The inpainting mask is missing, empty, or does not fit the picture."""


class InvalidImage(InvalidRequest):
    """The input is not a picture that can be restored."""


class UnsupportedImage(InvalidImage):
    """The file is not in a picture format that we read."""


class CorruptImage(InvalidImage):
    """The file is a picture, but damaged, cut off or empty."""


class ImageTooLarge(InvalidImage):
    """The picture has more pixels or bytes than a limit allows."""

    def __init__(self, message: str, *, limit: int) -> None:
        super().__init__(message)
        self.limit = limit


class ModelUnavailable(RestorationError, RuntimeError):
    """The model cannot run on this machine now; the message says why and what to do."""

    def __init__(self, message: str, *, model: str) -> None:
        super().__init__(message)
        self.model = model


class WeightsUnavailable(ModelUnavailable, OSError):
    """The weights of a model are absent, wrong, or cannot be downloaded."""

    def __str__(self) -> str:
        return str(self.args[0])


class ManifestError(RestorationError, ValueError):
    """The list of models is wrong; a developer has to mend it."""


class OutOfMemory(RestorationError, MemoryError):
    """The device has too little free memory even for the smallest tile."""


class UnstableOutput(RestorationError, ArithmeticError):
    """The network's answer holds values that no picture has, also in float32."""


class DeadlinePassed(RestorationError, TimeoutError):
    """The job took longer than the time it was given."""

    def __init__(
        self, message: str = "The picture took longer than the time allowed; use a smaller one or a faster model."
    ) -> None:
        super().__init__(message)

    def __str__(self) -> str:
        return str(self.args[0])


class LeaseExpired(RestorationError, TimeoutError):
    """Nobody read the events of a job for so long that it was given up."""

    def __init__(
        self, message: str = "Nobody followed the progress of the run, so it was ended; start it again."
    ) -> None:
        super().__init__(message)

    def __str__(self) -> str:
        return str(self.args[0])
