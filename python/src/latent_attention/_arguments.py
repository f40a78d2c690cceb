"""Arguments that are no tensors: each comes back as what it stands for, or is an error that names it and its value."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy

from .errors import InvalidArgument


def integer(value: Any, field: str) -> int:
    """A number of 64 bits, from anything that is an integer."""
    try:
        number = operator.index(value)
    except TypeError:
        raise InvalidArgument(f"{field} = {value!r}: must be an integer", "out_of_range") from None
    if not -(2**63) <= number < 2**63:
        raise InvalidArgument(f"{field} = {number}: must fit 64 bits", "overflow")
    return number


def number(value: Any, field: str) -> float:
    """A real number, which may be infinite or none."""
    try:
        if not isinstance(value, (str, bytes, bytearray)):
            return float(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise InvalidArgument(f"{field} = {value!r}: must be a number", "out_of_range")


def flag(value: Any, field: str) -> bool:
    """True or False, also as numpy's and as 1 and 0."""
    if value is True or value is False:
        return value
    if isinstance(value, (int, numpy.bool_)) and value in (0, 1):
        return bool(value)
    raise InvalidArgument(f"{field} = {value!r}: must be True or False", "out_of_range")


def choice(value: Any, names: Sequence[str], field: str) -> int:
    """The position of a name among those that there are."""
    if not isinstance(value, str) or value not in names:
        raise InvalidArgument(f"{field} = {value!r}: must be one of {', '.join(names)}", "out_of_range")
    return names.index(value)


def name(value: Any, field: str) -> bytes:
    """A name for C: a string of ASCII without zeros."""
    if not isinstance(value, str) or not value.isascii() or "\0" in value:
        raise InvalidArgument(f"{field} = {value!r}: must be a name", "out_of_range")
    return value.encode()
