"""Multi-head latent attention (MLA) on CPUs and Hopper GPUs.

``Engine`` and ``Plan`` are the core. ``latent_attention.flashinfer`` and ``latent_attention.flash_mla`` have the
interfaces of those libraries.
"""

from ._engine import Engine, Geometry, Plan, append, default_engine, merge_states
from .errors import DeviceError, Error, InvalidArgument, Unavailable

__all__ = [
    "DeviceError", "Engine", "Error", "Geometry", "InvalidArgument", "Plan", "Unavailable", "append", "default_engine",
    "merge_states",
]
