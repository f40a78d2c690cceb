"""Types that come back, with numpy's arrays; read by mypy only."""

from typing import Any

import numpy
from numpy.typing import NDArray
from typing_extensions import assert_type

from latent_attention import Array, Engine, Geometry, Plan, Tensor, append, flash_mla, flashinfer, merge_states

Half = NDArray[numpy.float16]
Single = NDArray[numpy.float32]


class OnlyDLPack:
    """A tensor of another library."""

    def __dlpack__(self, *, stream: Any = None) -> Any: ...


def core(
    engine: Engine, lists: tuple[Tensor, Tensor, Tensor, Tensor], half: Half, single: Single, other: OnlyDLPack, wish: bool
) -> None:
    plan = engine.plan(Geometry(16, 0.1), *lists, 64, causal=True, policy="batch_invariant")
    assert_type(plan, Plan)
    assert_type(plan.run(half, half, half, half), Half)
    assert_type(plan.run(half, None, other, None, lse=single), Half)
    assert_type(plan.run(half, half, half, half, return_lse=True), tuple[Half, Single])
    assert_type(plan.run(half, half, half, half, half, single, return_lse=True), tuple[Half, Single])
    assert_type(plan.run(other, other, other, other, single), Single)
    assert_type(plan.run(other, other, other, other, other, other, return_lse=True), tuple[OnlyDLPack, OnlyDLPack])
    assert_type(plan.run(half, half, half, half, return_lse=wish), Tensor | tuple[Tensor, Tensor])
    append(half, None, other, other, half, None, other, other)
    merge_states([(half, single), (other, single)], half, single, base_two=True)


def flashinfer_of(wrapper: flashinfer.BatchMLAPagedAttentionWrapper, half: Half, lists: NDArray[numpy.int32], wish: bool) -> None:
    wrapper.plan(lists, lists, lists, lists, 16, 512, 64, 64, False, 0.1, numpy.float16, numpy.dtype("f2"))
    assert_type(wrapper.run(half, half, half, half), Half)
    assert_type(wrapper.run(half, half, half, half, return_lse=True), tuple[Half, Single])
    answer = wrapper.run(half, half, half, half, return_lse=wish)
    assert_type(answer, Half | tuple[Half, Array])
    assert_type(flashinfer.merge_state(half, half, half, half), tuple[Half, Single])
    assert_type(flashinfer.get_batch_indices_positions(lists, lists, 3), tuple[NDArray[numpy.int32], NDArray[numpy.int32]])
    assert_type(flashinfer.get_seq_lens(lists, lists, 64), NDArray[numpy.int32])


def flash_mla_of(half: Half, lists: NDArray[numpy.int32]) -> None:
    metadata, splits = flash_mla.get_mla_metadata(lists, 16, 1)
    answer = flash_mla.flash_mla_with_kvcache(half, half, lists, lists, 512, metadata, splits, causal=True)
    assert_type(answer, tuple[Half, Single])
    assert_type(flash_mla.flash_mla_sparse_fwd(half, half, lists, 0.1), tuple[Half, Single, Single])
