"""Types that come back, with torch's tensors; read by mypy only."""

import torch
from typing_extensions import assert_type

from latent_attention import Engine, Geometry, flash_mla, flashinfer, torch_ops

T = torch.Tensor


def core(engine: Engine, tensor: T, lists: T) -> None:
    plan = engine.plan(Geometry(16, 0.1), lists, lists, lists, lists, 64)
    assert_type(plan.run(tensor, tensor, tensor, tensor), T)
    assert_type(plan.run(tensor, tensor, tensor, tensor, return_lse=True), tuple[T, T])
    assert_type(torch_ops.register(plan), int)


def of_others(wrapper: flashinfer.BatchMLAPagedAttentionWrapper, tensor: T, lists: T) -> None:
    wrapper.plan(lists, lists, lists, lists, 16, 512, 64, 64, False, 0.1, torch.bfloat16, torch.bfloat16)
    assert_type(wrapper.run(tensor, tensor, tensor, tensor, return_lse=True), tuple[T, T])
    assert_type(flashinfer.merge_states(tensor, tensor), tuple[T, T])
    assert_type(flashinfer.get_seq_lens(lists, lists, 64), T)
    metadata, splits = flash_mla.get_mla_metadata()
    assert_type(flash_mla.flash_mla_with_kvcache(tensor, tensor, lists, lists, 512, metadata, splits), tuple[T, T])
    assert_type(flash_mla.flash_mla_sparse_fwd(tensor, tensor, lists, 0.1), tuple[T, T, T])
