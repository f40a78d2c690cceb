"""Calls that mypy must refuse, each with the code of its error; read by mypy only."""

import numpy
from numpy.typing import NDArray

from latent_attention import Engine, Geometry, flash_mla, flashinfer, merge_states

Half = NDArray[numpy.float16]


def core(engine: Engine, half: Half, lists: NDArray[numpy.int32]) -> None:
    Engine(threads="2")  # error: arg-type
    Engine(instruction_set="avx1024")  # error: arg-type
    Engine.hopper(memory="managed")  # error: arg-type
    Geometry(16)  # error: call-arg
    engine.plan(Geometry(16, 0.1), [0, 1], lists, lists, lists, 64)  # error: arg-type
    engine.plan(Geometry(16, 0.1), lists, lists, lists, lists, 64, policy="greedy")  # error: arg-type
    engine.plan(Geometry(16, 0.1), lists, lists, lists, lists, 64, True)  # error: call-arg
    plan = engine.plan(Geometry(16, 0.1), lists, lists, lists, lists, 64)
    plan.run(half, half, half)  # error: call-overload
    plan.run(half, half, None, half)  # error: call-overload
    plan.run([1.0], half, half, half)  # error: call-overload
    number: int = plan.run(half, half, half, half)  # error: assignment
    merge_states([half], half, half)  # error: list-item


def of_others(wrapper: flashinfer.BatchMLAPagedAttentionWrapper, half: Half, lists: NDArray[numpy.int32]) -> None:
    flashinfer.BatchMLAPagedAttentionWrapper(None, backend="cutlass")  # error: arg-type
    wrapper.plan(lists, lists, lists, lists, 16, 512, 64, 64, False, "0.1", "float16", "float16")  # error: arg-type
    wrapper.run(half, half, half, half, o_scale=1.0)  # error: call-overload
    single: Half = wrapper.run(half, half, half, half, return_lse=True)  # error: assignment
    flash_mla.flash_mla_with_kvcache(half, half, lists, lists, 512, lists)  # error: call-overload
    flash_mla.flash_mla_sparse_fwd(half, half, lists)  # error: call-overload
