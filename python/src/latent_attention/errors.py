"""What goes wrong, as exceptions."""

from __future__ import annotations


class Error(Exception):
    """Anything that this package raises on its own account."""


class InvalidArgument(Error, ValueError):
    """A mistake in what the caller passed; the message names the field, its index and its value.

    ``code`` says which kind of rule was broken, for example ``"mismatch"``.
    """

    def __init__(self, message: str, code: str = "mismatch") -> None:
        super().__init__(message)
        self.code = code


class Unavailable(Error, RuntimeError):
    """The machine lacks what was asked for: an instruction set, a GPU, its driver."""


class DeviceError(Error, RuntimeError):
    """A device failed or refused."""


_CODES = (
    "ok", "not_positive", "out_of_range", "overflow", "bad_offsets", "too_short", "misaligned", "mismatch", "overlap",
    "not_finite", "null_pointer",
)
_UNAVAILABLE = 11


def from_status(status: int, message: str) -> Error:
    """The exception for a status of the library that is not 0."""
    if status < len(_CODES):
        return InvalidArgument(message, _CODES[status])
    return Unavailable(message) if status == _UNAVAILABLE else DeviceError(message)
