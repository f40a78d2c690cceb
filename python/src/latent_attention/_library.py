"""The C library: declarations of `latent_attention.h` for ctypes. Every call lets go of the GIL."""

from __future__ import annotations

import ctypes
import pathlib
from collections.abc import Callable
from typing import Any

from . import errors

_PATH = pathlib.Path(__file__).with_name("libLatentAttentionC.so")
try:
    library = ctypes.CDLL(str(_PATH))
except OSError as error:
    raise ImportError(f"latent_attention: its library does not load: {error}") from error

_handle = ctypes.c_void_p
_new_handle = ctypes.POINTER(ctypes.c_void_p)
# Structs of 64-bit numbers are packed by the caller, and passed as bytes.
_packed = ctypes.c_char_p
_number = ctypes.c_int64

library.mla_last_message.restype = ctypes.c_char_p
library.mla_last_message.argtypes = ()
for _name, _arguments in {
    "mla_engine_create_cpu": (_number, ctypes.c_char_p, _new_handle),
    "mla_engine_create_hopper": (_number, _number, _number, _new_handle),
    "mla_engine_destroy": (_handle,),
    "mla_engine_worker_count": (_handle, ctypes.POINTER(_number)),
    "mla_plan_create": (_handle, _packed, _packed, _number, _new_handle),
    "mla_plan_create_sparse": (_handle, _packed, _packed, _number, _new_handle),
    "mla_plan_destroy": (_handle,),
    "mla_run": (_handle, _handle, _packed),
    "mla_merge_states": (_number, _packed, _packed, _number, _packed, _packed),
    "mla_append": (_packed,),
}.items():
    _function = getattr(library, _name)
    _function.restype = ctypes.c_int32
    _function.argtypes = _arguments


def check(status: int) -> None:
    """Raises what a status of this thread's last call means."""
    if status:
        raise errors.from_status(status, library.mla_last_message().decode())


def new_handle(create: Callable[..., int], *arguments: Any) -> ctypes.c_void_p:
    """The handle that a function of the library makes."""
    handle = ctypes.c_void_p()
    check(create(*arguments, ctypes.byref(handle)))
    return handle
