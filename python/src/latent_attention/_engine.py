"""Engines and plans."""

from __future__ import annotations

import ctypes
import dataclasses
import struct
import threading
import weakref
from collections.abc import Sequence

import numpy

from . import _arguments, _tensors
from ._library import check, library, new_handle
from ._plan import Plan
from ._types import InstructionSet, Memory, Policy, Tensor
from .errors import InvalidArgument

#: How work is divided, in the order of `latent_attention.h`.
_POLICIES = ("balanced", "flashinfer", "flash_mla", "batch_invariant")
#: Where tensors are, in the order of `latent_attention.h`.
_MEMORIES = ("host", "device")
#: For the pool's pages: as many as the batch needs.
PAGES_AS_NEEDED = -1

_pack_geometry = struct.Struct("=3qf4x").pack
_pack_batch = struct.Struct("=9q").pack
_pack_lists = struct.Struct("=6q").pack
_pack_tensor = struct.Struct("=7q").pack
_pack_append = struct.Struct("=34q").pack


@dataclasses.dataclass(frozen=True)
class Geometry:
    """The shape of an MLA layer after the up-projections were absorbed into the query.

    ``softmax_scale`` is that of the heads before absorption: 1/sqrt(192) for DeepSeek-V3, not 1/sqrt(576).
    """

    head_count: int
    softmax_scale: float
    latent_width: int = 512
    rope_width: int = 64


class Engine:
    """Runs plans on CPU threads; ``Engine.hopper`` on a Hopper GPU.

    ``threads`` work, the calling one included: None for as many as the process may use. ``instruction_set`` is
    ``"avx512bf16"``, ``"avx512f"``, ``"avx2"`` or ``"portable"``; None for the best there is. Threads may share an engine:
    its runs are done one after another.
    """

    def __init__(self, threads: int | None = None, instruction_set: InstructionSet | None = None) -> None:
        name = None if instruction_set is None else _arguments.name(instruction_set, "instruction_set")
        self.device: int | None = None
        self._adopt(new_handle(library.mla_engine_create_cpu, _thread_count(threads), name))

    @classmethod
    def hopper(cls, device: int | None = None, threads: int | None = None, memory: Memory = "host") -> Engine:
        """An engine on a GPU, by its number, or on a simulated H100 for None.

        With ``memory="host"`` tensors are in host memory, and copied for each run. With ``"device"`` they are on that GPU: a
        run is put into its default stream and returns at once. ``device`` is then also the engine's ``device``, None for
        other engines.
        """
        place = _arguments.choice(memory, _MEMORIES, "memory")
        engine = cls.__new__(cls)
        number = -1 if device is None else _arguments.integer(device, "device")
        engine._adopt(new_handle(library.mla_engine_create_hopper, number, place, _thread_count(threads)))
        engine.device = number if memory == "device" else None
        return engine

    def _adopt(self, handle: ctypes.c_void_p) -> None:
        self._handle = handle
        weakref.finalize(self, library.mla_engine_destroy, handle)

    @property
    def worker_count(self) -> int:
        """Workers that plans are for: threads, or multiprocessors."""
        count = ctypes.c_int64()
        check(library.mla_engine_worker_count(self._handle, ctypes.byref(count)))
        return count.value

    def plan(
        self,
        geometry: Geometry,
        query_offsets: Tensor,
        page_offsets: Tensor,
        page_indices: Tensor,
        key_lengths: Tensor,
        page_size: int,
        *,
        causal: bool = False,
        pool_page_count: int | None = None,
        policy: Policy = "balanced",
    ) -> Plan:
        """Plans a batch, for any number of runs.

        Request ``i`` owns the query tokens ``query_offsets[i]:query_offsets[i + 1]`` and the pages
        ``page_indices[page_offsets[i]:page_offsets[i + 1]]``. Lists are int32 tensors, also on the engine's GPU, from where
        they are copied; ``page_offsets`` may be longer than needed, page lists hold garbage past their last needed entry.
        ``pool_page_count`` None takes caches of any size that has all the pages needed.
        """
        lists = [
            _tensors.indices(values, field, self.device)
            for field, values in (
                ("query_offsets", query_offsets), ("page_offsets", page_offsets), ("page_indices", page_indices),
                ("key_lengths", key_lengths),
            )
        ]
        count = len(lists[3])
        for field, values in zip(("query_offsets", "page_offsets"), lists):
            if len(values) < count + 1:
                raise InvalidArgument(
                    f"{field}.shape = ({len(values)},): must have at least {count + 1} entries for {count} key lengths",
                    "too_short",
                )
        addresses = [_tensors.address(values) for values in lists]
        batch = _pack_batch(
            count, addresses[0], addresses[1], addresses[2], len(lists[2]), addresses[3],
            _arguments.integer(page_size, "page_size"),
            PAGES_AS_NEEDED if pool_page_count is None else _arguments.integer(pool_page_count, "pool_page_count"),
            _arguments.flag(causal, "causal"),
        )
        handle = new_handle(
            library.mla_plan_create, self._handle, _packed_geometry(geometry), batch,
            _arguments.choice(policy, _POLICIES, "policy"),
        )
        return Plan(self, geometry, int(lists[0][count]), handle)

    def plan_sparse(
        self, geometry: Geometry, tokens: Tensor, page_size: int, page_count: int, *, lengths: Tensor | None = None,
        policy: Policy = "balanced",
    ) -> Plan:
        """Plans sparse attention: query token ``i`` sees the tokens of row ``i`` of ``tokens``, an int32 tensor of two
        dimensions.

        An entry is ``page * page_size + slot``; what is no place of the cache, -1 for one, is passed over. ``lengths`` says
        how many entries of each row count. For CPU engines.
        """
        described = _tensors.describe(tokens, "tokens")
        if described.code != _tensors.OTHER_TYPES["int32"] or len(described.shape) != 2:
            raise InvalidArgument("tokens: must be an int32 tensor of two dimensions")
        table = numpy.ascontiguousarray(_tensors.as_numpy(tokens, "tokens"))
        counts = None if lengths is None else _tensors.indices(lengths, "lengths")
        if counts is not None and len(counts) != len(table):
            raise InvalidArgument(f"lengths.shape = ({len(counts)},): must be ({len(table)},), one for each row of tokens")
        packed = _pack_lists(
            *table.shape, _tensors.address(table), 0 if counts is None else _tensors.address(counts),
            _arguments.integer(page_size, "page_size"), _arguments.integer(page_count, "page_count"),
        )
        handle = new_handle(
            library.mla_plan_create_sparse, self._handle, _packed_geometry(geometry), packed,
            _arguments.choice(policy, _POLICIES, "policy"),
        )
        return Plan(self, geometry, len(table), handle)


def _thread_count(threads: int | None) -> int:
    return 0 if threads is None else _arguments.integer(threads, "threads")


def _packed_geometry(geometry: Geometry) -> bytes:
    if not isinstance(geometry, Geometry):
        raise InvalidArgument(f"geometry is of type {type(geometry).__name__}: must be a Geometry")
    return _pack_geometry(
        _arguments.integer(geometry.head_count, "head_count"), _arguments.integer(geometry.latent_width, "latent_width"),
        _arguments.integer(geometry.rope_width, "rope_width"),
        # What is too large for fp32 becomes infinite, and is refused as such.
        ctypes.c_float(_arguments.number(geometry.softmax_scale, "softmax_scale")).value,
    )


def merge_states(states: Sequence[tuple[Tensor, Tensor]], out: Tensor, lse: Tensor, *, base_two: bool = False) -> None:
    """Combines attention over disjoint sets of keys: ``states`` are pairs of outputs and LSEs, as ``Plan.run`` returns.

    ``out`` and ``lse`` are written; they may be those of one state.
    """
    if not isinstance(states, Sequence) or isinstance(states, (str, bytes)):
        raise InvalidArgument(f"states is of type {type(states).__name__}: must be a sequence of pairs")
    outputs, lses = [], []
    for index, state in enumerate(states):
        if not isinstance(state, Sequence) or len(state) != 2:
            raise InvalidArgument(f"states[{index}] is of type {type(state).__name__}: must be a pair of output and LSE")
        outputs.append(_pack_tensor(*_tensors.rank3(state[0], f"states[{index}].output")))
        lses.append(_pack_tensor(*_tensors.lse(state[1], field=f"states[{index}].lse")))
    check(
        library.mla_merge_states(
            len(states), b"".join(outputs), b"".join(lses), _arguments.flag(base_two, "base_two"),
            _pack_tensor(*_tensors.rank3(_tensors.written(out, "out"), "out")),
            _pack_tensor(*_tensors.lse(_tensors.written(lse, "lse"))),
        )
    )


def append(
    latent: Tensor, rope: Tensor | None, requests: Tensor, positions: Tensor, cache_latent: Tensor,
    cache_rope: Tensor | None, page_indices: Tensor, page_offsets: Tensor,
) -> None:
    """Writes tokens ``[token, width]`` into a paged cache, each at a position of a request; negative requests are skipped."""
    lists = [
        _tensors.indices(values, field)
        for field, values in (
            ("requests", requests), ("positions", positions), ("page_offsets", page_offsets), ("page_indices", page_indices),
        )
    ]
    rows, rank3, written = _tensors.rows, _tensors.rank3, _tensors.written
    missing = _tensors.MISSING
    tokens = rows(latent, "latent")
    for field, values in zip(("requests", "positions"), lists):
        if len(values) != tokens[2]:
            raise InvalidArgument(f"{field}.shape = ({len(values)},): must be ({tokens[2]},), the number of tokens")
    if len(lists[2]) == 0:
        raise InvalidArgument("page_offsets.shape = (0,): must have at least 1 entry", "too_short")
    addresses = [_tensors.address(values) for values in lists]
    check(
        library.mla_append(
            _pack_append(
                *tokens,
                *(missing if rope is None else rows(rope, "rope")),
                *rank3(written(cache_latent, "cache_latent"), "cache_latent"),
                *(missing if cache_rope is None else rank3(written(cache_rope, "cache_rope"), "cache_rope")),
                addresses[0], addresses[1], len(lists[2]) - 1, addresses[2], addresses[3], len(lists[3]),
            )
        )
    )


_default_lock = threading.Lock()
#: By GPU; None is the one on CPU threads.
_defaults: dict[int | None, Engine] = {}


def default_engine(device: int | None = None) -> Engine:
    """The engine that the interfaces of other libraries use, started when first asked for: all threads, or for tensors on a
    GPU, by its number."""
    device = None if device is None else _arguments.integer(device, "device")
    with _default_lock:
        if device not in _defaults:
            _defaults[device] = Engine() if device is None else Engine.hopper(device, memory="device")
        return _defaults[device]
