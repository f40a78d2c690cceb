"""Checks with FlashMLA's messages, and what its dense and its sparse attention share."""

from __future__ import annotations

import math
from typing import Any

import numpy

from .. import _tensors
from ..errors import InvalidArgument

VALUE_WIDTH = 512
KEY_WIDTHS = (576, 512)


def require(condition: bool, message: str) -> None:
    """What FlashMLA asserts in Python."""
    if not condition:
        raise AssertionError(message)


def check(condition: bool, message: str) -> None:
    """What FlashMLA checks in C++."""
    if not condition:
        raise InvalidArgument(message)


def with_plus_infinity(lse: Any) -> Any:
    """LSEs with plus infinity for rows that saw no key, in place."""
    if _tensors.is_torch(lse):
        return lse.masked_fill_(lse == -math.inf, math.inf)
    lse[numpy.isneginf(lse)] = numpy.inf
    return lse
