"""The plan that FlashMLA's users carry from call to call."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Hashable
from typing import Any

from .._plan import Plan
from ._checks import require


@dataclasses.dataclass(frozen=True)
class Config:
    """What must stay the same for all calls with one metadata object; named as FlashMLA's messages name it."""

    b: int
    s_q: int
    h_q: int
    page_block_size: int
    h_k: int
    causal: bool
    is_fp8_kvcache: bool
    topk: int | None
    extra_page_block_size: int | None
    extra_topk: int | None


_ARGUMENTS = {
    "b": "batch_size", "s_q": "seq_len_q", "h_q": "num_heads_q", "page_block_size": "page_block_size", "h_k": "num_heads_k",
    "causal": "causal", "is_fp8_kvcache": "is_fp8_kvcache", "topk": "the last dim of indices_in_kvcache",
    "extra_page_block_size": "the page_block_size of extra_k_cache",
    "extra_topk": "the last dim of extra_indices_in_kvcache",
}


class FlashMLASchedMeta:
    """The plan of the calls that share it, made by the first of them; and again where lengths or block tables changed."""

    def __init__(self) -> None:
        self.have_initialized = False
        self.config: Config | None = None
        self._made: tuple[Hashable, Any, Plan] | None = None

    def adopt(self, config: Config) -> None:
        """Keeps the first call's configuration, and holds later ones against it."""
        if self.config is None:
            self.config, self.have_initialized = config, True
        for field, argument in _ARGUMENTS.items():
            require(
                getattr(self.config, field) == getattr(config, field),
                f"sched_meta.config.{field} must be equal to {argument}. Your input arguments are inconsistent with "
                "sched_meta. Please make sure the input arguments are consistent across different invocations of "
                "flash_mla_with_kvcache on the same sched_meta.",
            )

    def planned(self, key: Hashable, given: Any, make: Callable[[], Plan]) -> Plan:
        """The plan that was made with a key, or a new one. What is `given` lives as long, so that nothing else can take its
        place in memory, where a key is about that."""
        made = self._made
        if made is None or key != made[0]:
            self._made = made = (key, given, make())
        return made[2]


def get_mla_metadata(*args: Any, **kwargs: Any) -> tuple[FlashMLASchedMeta, None]:
    """An empty plan, and None for the second value that older versions returned. Arguments are accepted and ignored."""
    del args, kwargs
    return FlashMLASchedMeta(), None
