"""Multi-head latent attention (MLA) on CPUs and Hopper GPUs.

``Engine`` and ``Plan`` are the core. ``latent_attention.flashinfer`` and ``latent_attention.flash_mla`` have the
interfaces of those libraries.
"""

from ._engine import Engine, Geometry, append, default_engine, merge_states
from ._plan import Plan
from ._types import Array, Tensor
from .errors import DeviceError, Error, InvalidArgument, Unavailable

__all__ = [
    "Array", "DeviceError", "Engine", "Error", "Geometry", "InvalidArgument", "Plan", "Tensor", "Unavailable", "append",
    "default_engine", "merge_states",
]
