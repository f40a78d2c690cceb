"""Arguments, their order and their defaults are those that FlashInfer and FlashMLA document."""

import inspect

import pytest

from latent_attention import flash_mla, flashinfer

WRAPPER = flashinfer.BatchMLAPagedAttentionWrapper


@pytest.mark.parametrize(
    "function, expected",
    [
        (
            WRAPPER.__init__,
            "(self, float_workspace_buffer, use_cuda_graph=False, qo_indptr=None, kv_indptr=None, kv_indices=None, "
            "kv_len_arr=None, backend='auto')",
        ),
        (
            WRAPPER.plan,
            "(self, qo_indptr, kv_indptr, kv_indices, kv_len_arr, num_heads, head_dim_ckv, head_dim_kpe, page_size, causal, "
            "sm_scale, q_data_type, kv_data_type, use_profiler=False)",
        ),
        (
            WRAPPER.run,
            "(self, q_nope, q_pe, ckv_cache, kpe_cache, out=None, lse=None, return_lse=False, profiler_buffer=None, "
            "kv_len=None, page_table=None, return_lse_base_on_e=False, o_scale=None, *, ckv_scale=None, ckv_scale_arr=None, "
            "kpe_scale=None)",
        ),
        (
            flashinfer.append_paged_mla_kv_cache,
            "(append_ckv, append_kpe, batch_indices, positions, ckv_cache, kpe_cache, kv_indices, kv_indptr, "
            "kv_last_page_len)",
        ),
        (
            flashinfer.get_batch_indices_positions,
            "(append_indptr, seq_lens, nnz, batch_indices=None, positions=None)",
        ),
        (flashinfer.get_seq_lens, "(kv_indptr, kv_last_page_len, page_size)"),
        (flashinfer.merge_state, "(v_a, s_a, v_b, s_b)"),
        (flashinfer.merge_state_in_place, "(v, s, v_other, s_other, mask=None)"),
        (flashinfer.merge_states, "(v, s)"),
        (flash_mla.get_mla_metadata, "(*args, **kwargs)"),
        (
            flash_mla.flash_mla_with_kvcache,
            "(q, k_cache, block_table, cache_seqlens, head_dim_v, tile_scheduler_metadata, num_splits=None, "
            "softmax_scale=None, causal=False, is_fp8_kvcache=False, indices=None, attn_sink=None, extra_k_cache=None, "
            "extra_indices_in_kvcache=None, topk_length=None, extra_topk_length=None)",
        ),
        (flash_mla.flash_mla_sparse_fwd, "(q, kv, indices, sm_scale, d_v=512, attn_sink=None, topk_length=None)"),
    ],
    ids=lambda value: value.__qualname__ if callable(value) else "",
)
def test_signature(function, expected):
    signature = inspect.signature(function)
    bare = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    assert str(inspect.Signature(bare)) == expected
