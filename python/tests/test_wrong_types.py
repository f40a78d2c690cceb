"""Each argument of each public function, given things that it cannot be.

Whatever comes out is an error of the package, or one that Python's users know, and says which argument it is about; or the
call goes well, as some wrong things are right for some arguments.
"""

import re

import ml_dtypes
import numpy
import pytest

import latent_attention
from latent_attention import Engine, Geometry, flash_mla, flashinfer


class Refusing:
    """Claims to be a tensor and never shows its memory."""

    shape, dtype = (1, 16, 512), numpy.dtype(numpy.float16)

    def __len__(self):
        return 1

    def __dlpack__(self, **arguments):
        raise BufferError("no")


class OfNoCapsule(Refusing):
    def __dlpack__(self, **arguments):
        return 3


class OfNoInterface:
    __array_interface__ = {"version": 3, "shape": "x"}


WRONG = [
    None, True, 3, -1, 2**70, 1.5, float("nan"), float("inf"), 1j, "text", "\ud800", "avx2\0", b"bytes", [1, 2], [], (), {},
    {"a": 1}, object(), int, numpy.ndarray, len, Refusing(), OfNoCapsule(), OfNoInterface(), numpy.float32(1), numpy.array("text"),
    *[numpy.zeros((2,) * rank, dtype) for rank in range(6) for dtype in ("f4", "f2", "i4", "i8", "u4", "?")],
    numpy.zeros(3, object), numpy.zeros((2, 2, 2), "c8"), numpy.zeros((1, 1, 1), "V0"), numpy.zeros((2, 2), [("a", "f4")]),
    numpy.zeros((0, 0, 0), "f2"), numpy.zeros((1, 2, 0), "f2"), numpy.zeros((0, 0, 0, 0), "f2"), numpy.zeros(0, "i4"),
    numpy.full(2, -(2**31), "i4"), numpy.full(2, 2**31 - 1, "i4"), numpy.full(2, 2**40, "i8"),
    numpy.zeros((1, 16, 512), ">f2"), numpy.broadcast_to(numpy.float16(1), (1, 16, 512)),
]


def int32(*values):
    return numpy.array(values, numpy.int32)


def tensor(*shape, dtype=numpy.float16):
    return numpy.ones(shape, dtype)


ENGINE = Engine(threads=1)
LISTS = dict(query_offsets=int32(0, 1), page_offsets=int32(0, 1), page_indices=int32(0), key_lengths=int32(9))
PLAN = ENGINE.plan(Geometry(4, 0.1), **LISTS, page_size=16)


def planned(arguments):
    wrapper = flashinfer.BatchMLAPagedAttentionWrapper(None)
    wrapper.plan(**arguments)
    return wrapper


def wrapper_plan():
    return dict(
        qo_indptr=int32(0, 1), kv_indptr=int32(0, 1), kv_indices=int32(0), kv_len_arr=int32(9), num_heads=4, head_dim_ckv=512,
        head_dim_kpe=64, page_size=16, causal=False, sm_scale=0.1, q_data_type=numpy.dtype("f2"),
        kv_data_type=numpy.dtype("f2"), use_profiler=False,
    )


def fp8_plan():
    return dict(wrapper_plan(), q_data_type=ml_dtypes.bfloat16, kv_data_type=ml_dtypes.float8_e4m3fn)


def queries_and_cache(**changes):
    return dict(
        q_nope=tensor(1, 4, 512), q_pe=tensor(1, 4, 64), ckv_cache=tensor(1, 16, 512), kpe_cache=tensor(1, 16, 64),
        **changes,
    )


def dense():
    return dict(
        q=tensor(1, 1, 4, 576), k_cache=tensor(1, 64, 1, 576), block_table=int32([0]), cache_seqlens=int32(9),
        head_dim_v=512, tile_scheduler_metadata=flash_mla.FlashMLASchedMeta(), num_splits=None, softmax_scale=0.1,
        causal=False, is_fp8_kvcache=False, indices=None, attn_sink=None, extra_k_cache=None, extra_indices_in_kvcache=None,
        topk_length=None, extra_topk_length=None,
    )


def sparse():
    pool = numpy.zeros((1, 64, 1, 656), numpy.uint8)
    lists = int32([[0, 1, -1]])
    return dict(
        dense(), q=tensor(1, 1, 4, 576, dtype=ml_dtypes.bfloat16), k_cache=pool, block_table=None, cache_seqlens=None,
        is_fp8_kvcache=True, indices=lists, attn_sink=tensor(4, dtype="f4"), extra_k_cache=pool,
        extra_indices_in_kvcache=lists, topk_length=int32(2), extra_topk_length=int32(2),
    )


def states():
    return tensor(2, 4, 8), tensor(2, 4, dtype="f4")


#: Public functions, each with arguments that are right.
CALLS = {
    "Engine": (Engine, lambda: dict(threads=1, instruction_set="portable")),
    "Engine.hopper": (Engine.hopper, lambda: dict(device=None, threads=1, memory="host")),
    "default_engine": (latent_attention.default_engine, lambda: dict(device=None)),
    "Geometry": (
        lambda **fields: ENGINE.plan(Geometry(**fields), **LISTS, page_size=16),
        lambda: dict(head_count=4, softmax_scale=0.1, latent_width=512, rope_width=64),
    ),
    "Engine.plan": (
        ENGINE.plan,
        lambda: dict(LISTS, geometry=Geometry(4, 0.1), page_size=16, causal=True, pool_page_count=1, policy="balanced"),
    ),
    "Engine.plan_sparse": (
        ENGINE.plan_sparse,
        lambda: dict(
            geometry=Geometry(4, 0.1), tokens=int32([0, 1]), page_size=16, page_count=1, lengths=int32(2), policy="balanced"
        ),
    ),
    "Plan.run": (
        PLAN.run,
        lambda: dict(
            query_latent=tensor(1, 4, 512), query_rope=tensor(1, 4, 64), cache_latent=tensor(1, 16, 512),
            cache_rope=tensor(1, 16, 64), out=tensor(1, 4, 512), lse=tensor(1, 4, dtype="f4"), return_lse=True, base_two=True,
        ),
    ),
    "merge_states": (
        latent_attention.merge_states,
        lambda: dict(states=[states(), states()], out=states()[0], lse=states()[1], base_two=False),
    ),
    "a state": (
        lambda output, logarithms: latent_attention.merge_states([states(), (output, logarithms)], *states()),
        lambda: dict(zip(("output", "logarithms"), states())),
    ),
    "append": (
        latent_attention.append,
        lambda: dict(
            latent=tensor(1, 512), rope=tensor(1, 64), requests=int32(0), positions=int32(3),
            cache_latent=tensor(1, 16, 512), cache_rope=tensor(1, 16, 64), page_indices=int32(0), page_offsets=int32(0, 1),
        ),
    ),
    "BatchMLAPagedAttentionWrapper": (
        flashinfer.BatchMLAPagedAttentionWrapper,
        lambda: dict(float_workspace_buffer=None, use_cuda_graph=False, backend="auto"),
    ),
    "buffers of the wrapper": (
        lambda **buffers: flashinfer.BatchMLAPagedAttentionWrapper(None, True, **buffers).plan(**wrapper_plan()),
        lambda: dict(qo_indptr=int32(0, 0), kv_indptr=int32(0, 0), kv_indices=int32(0, 0, 0), kv_len_arr=int32(0)),
    ),
    "BatchMLAPagedAttentionWrapper.plan": (lambda **arguments: planned(arguments), wrapper_plan),
    "BatchMLAPagedAttentionWrapper.run": (
        lambda **arguments: planned(wrapper_plan()).run(**arguments),
        lambda: queries_and_cache(
            out=tensor(1, 4, 512), lse=tensor(1, 4, dtype="f4"), return_lse=True, profiler_buffer=None, kv_len=None,
            page_table=None, return_lse_base_on_e=False, o_scale=None, ckv_scale=None, ckv_scale_arr=None, kpe_scale=None,
        ),
    ),
    "scales of run": (
        lambda **scales: planned(fp8_plan()).run(
            *[array.astype(ml_dtypes.bfloat16) for array in list(queries_and_cache().values())[:2]],
            *[array.astype(ml_dtypes.float8_e4m3fn) for array in list(queries_and_cache().values())[2:]], **scales,
        ),
        lambda: dict(ckv_scale=None, ckv_scale_arr=tensor(1, 16, 4, dtype="f4"), kpe_scale=0.5),
    ),
    "append_paged_mla_kv_cache": (
        flashinfer.append_paged_mla_kv_cache,
        lambda: dict(
            append_ckv=tensor(1, 512), append_kpe=tensor(1, 64), batch_indices=int32(0), positions=int32(3),
            ckv_cache=tensor(1, 16, 512), kpe_cache=tensor(1, 16, 64), kv_indices=int32(0), kv_indptr=int32(0, 1),
            kv_last_page_len=int32(4),
        ),
    ),
    "get_batch_indices_positions": (
        flashinfer.get_batch_indices_positions,
        lambda: dict(
            append_indptr=int32(0, 2), seq_lens=int32(9), nnz=3, batch_indices=int32(0, 0, 0), positions=int32(0, 0, 0)
        ),
    ),
    "get_seq_lens": (
        flashinfer.get_seq_lens, lambda: dict(kv_indptr=int32(0, 2), kv_last_page_len=int32(3), page_size=16),
    ),
    "merge_state": (
        flashinfer.merge_state, lambda: dict(zip(("v_a", "s_a", "v_b", "s_b"), (*states(), *states()))),
    ),
    "merge_state_in_place": (
        flashinfer.merge_state_in_place,
        lambda: dict(zip(("v", "s", "v_other", "s_other"), (*states(), *states())), mask=numpy.array([True, False])),
    ),
    "merge_states of FlashInfer": (
        flashinfer.merge_states, lambda: dict(v=tensor(2, 3, 4, 8), s=tensor(2, 3, 4, dtype="f4")),
    ),
    "flash_mla_with_kvcache": (flash_mla.flash_mla_with_kvcache, dense),
    "flash_mla_with_kvcache, sparse": (flash_mla.flash_mla_with_kvcache, sparse),
    "flash_mla_sparse_fwd": (
        flash_mla.flash_mla_sparse_fwd,
        lambda: dict(
            q=tensor(2, 4, 576, dtype=ml_dtypes.bfloat16), kv=tensor(9, 1, 576, dtype=ml_dtypes.bfloat16),
            indices=int32([[0, 1]], [[2, -1]]), sm_scale=0.1, d_v=512, attn_sink=tensor(4, dtype="f4"),
            topk_length=int32(2, 1),
        ),
    ),
}

#: What messages call an argument where that is not its name: FlashMLA's and FlashInfer's own, and the library's, which may
#: also be about what the argument must agree with.
OTHER_NAMES = {
    "threads": "thread_count", "head_count": "headCount", "softmax_scale": "softmaxScale", "latent_width": "latentWidth",
    "rope_width": "ropeWidth", "query_offsets": "queryOffsets", "page_offsets": "pageOffsets|keyLengths|positions",
    "page_indices": "pageIndices|page indices", "key_lengths": "keyLengths|key lengths", "page_size": "pageSize|pages of",
    "pool_page_count": "poolPageCount|the pool's pages", "tokens": "width", "page_count": "poolPageCount|pageCount",
    "query_latent": "queries.latent", "query_rope": "queries", "cache_latent": "cache.latent|cache.rope",
    "cache_rope": "cache.rope|cache has a rope part", "out": "output|lse.shape", "states": "state_count",
    "output": r"states\[1\].output|states.output", "logarithms": r"states\[1\].lse|states.lse",
    "latent": "number of tokens",
    "qo_indptr": "queryOffsets", "kv_indptr": "pageOffsets|keyLengths|positions", "kv_indices": "pageIndices|page indices",
    "kv_len_arr": "keyLengths|kv_len|shape of qo_indptr", "num_heads": "headCount", "head_dim_ckv": "latentWidth",
    "head_dim_kpe": "ropeWidth", "sm_scale": "softmaxScale", "q_nope": "queries.latent|shape of out", "q_pe": "queries.rope",
    "ckv_cache": "cache.latent|cache.rope", "kpe_cache": "cache.rope|cache has a rope part",
    "append_ckv": "latent|number of tokens", "append_kpe": "rope", "batch_indices": "requests",
    "v": "states|lse.shape|shape of s|shape of mask", "v_a": "states|lse.shape", "v_b": "states",
    "s_a": "lse.shape", "s_b": "states", "v_other": "states", "s_other": "states",
    "q": "query and key|head_size_k|batch size|num_heads_q|d_qk|h_kv", "cache_seqlens": "seqlens_k|keyLengths",
    "k_cache": "query and key|key must|MQA|heads in key|kv cache", "block_table": "pageIndices", "head_dim_v": "head_size_v",
    "tile_scheduler_metadata": "FlashMLASchedMeta", "indices": "topk|sparse attention is enabled", "topk_length": "lengths",
    "extra_k_cache": "extra k cache|extra kv cache|MQA", "extra_topk_length": "lengths", "extra_indices_in_kvcache": "indices",
    "kv": "h_kv",
}
#: Arguments that nothing is read of, in these calls or at all.
UNREAD = {
    ("BatchMLAPagedAttentionWrapper.run", "kv_len"), ("BatchMLAPagedAttentionWrapper.run", "page_table"),
    ("BatchMLAPagedAttentionWrapper.run", "profiler_buffer"), ("append_paged_mla_kv_cache", "kv_last_page_len"),
    ("flash_mla_with_kvcache, sparse", "block_table"), ("flash_mla_with_kvcache, sparse", "cache_seqlens"),
}


@pytest.mark.parametrize("name", CALLS)
def test_right_arguments(name):
    function, arguments = CALLS[name]
    function(**arguments())


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("name, argument", [(name, argument) for name in CALLS for argument in CALLS[name][1]()])
def test_wrong_arguments(name, argument):
    function, arguments = CALLS[name]
    names = re.compile(rf"\b{argument}\b|{OTHER_NAMES.get(argument, argument)}")
    refused = 0
    for wrong in WRONG:
        try:
            function(**{**arguments(), argument: wrong})
        except (latent_attention.Error, TypeError, ValueError, AssertionError) as error:
            refused += 1
            unavailable = isinstance(error, latent_attention.Unavailable)
            assert unavailable or names.search(str(error)), f"{argument} = {wrong!r}: {type(error).__name__}: {error}"
        except Exception as error:
            raise AssertionError(f"{argument} = {wrong!r}: {type(error).__name__}: {error}") from error
    assert bool(refused) != ((name, argument) in UNREAD)
