import itertools

import numpy
import pytest

from conftest import random_problem
from latent_attention import flash_mla

NO_KEYS = 0


def dense_case(tensors, heads, kv_heads, query_count, length, causal, width=576, dtype="bfloat16", batch=2):
    """FlashMLA's arguments for some requests, and what it must answer."""
    rng = numpy.random.default_rng(heads + 7 * query_count + length)
    lengths = [max(0, length - 3 * request) for request in range(batch - 1)] + [NO_KEYS]
    table_width = max(lengths) // 64 + 2
    blocks = batch * table_width
    order = rng.permutation(blocks).astype(numpy.int32)
    cache = numpy.full((blocks, 64, kv_heads, width), numpy.nan, numpy.float32)
    table = numpy.full((batch, table_width), 2**31 - 1, numpy.int32)
    for request, count in enumerate(lengths):
        used = -(-count // 64)
        table[request, :used] = order[request * table_width :][:used]
        places = numpy.arange(count)
        values = rng.standard_normal((count, kv_heads, width)).clip(-10, 10) / 10
        cache[table[request, places // 64], places % 64] = values
    queries = (rng.standard_normal((batch, query_count, heads, width)) / 10).clip(-1, 1).astype(numpy.float32)
    q, k = tensors.make(queries, dtype), tensors.make(cache, dtype)
    group = heads // kv_heads
    out = numpy.zeros((batch, query_count, heads, 512))
    lse = numpy.full((batch, heads, query_count), numpy.inf)
    exact_q, exact_k = tensors.double(q), tensors.double(k)
    for request, kv_head, token in itertools.product(range(batch), range(kv_heads), range(query_count)):
        visible = lengths[request] - (query_count - 1 - token if causal else 0)
        if visible <= 0:
            continue
        places, rows = numpy.arange(visible), slice(kv_head * group, (kv_head + 1) * group)
        keys = exact_k[table[request, places // 64], places % 64, kv_head]
        scores = exact_q[request, token, rows] @ keys.T * width**-0.5
        weights = numpy.exp(scores - scores.max(1, keepdims=True))
        out[request, token, rows] = weights @ keys[:, :512] / weights.sum(1, keepdims=True)
        lse[request, rows, token] = scores.max(1) + numpy.log(weights.sum(1))
    arguments = (q, k, tensors.indices(table), tensors.indices(lengths), 512)
    return arguments, out, lse


def check(tensors, answer, out, lse):
    """FlashMLA's own bounds."""
    found, found_lse = tensors.double(answer[0]), tensors.double(answer[1])
    assert found.shape == out.shape and found_lse.shape == lse.shape
    close = numpy.abs(found - out) <= numpy.maximum(8e-4, 2.01 / 128 * numpy.abs(out))
    assert close.all()
    denominator = (found**2 + out**2).sum()
    assert denominator == 0 or 1 - 2 * (found * out).sum() / denominator < 5e-6
    infinite = numpy.isposinf(lse)
    assert numpy.array_equal(numpy.isposinf(found_lse), infinite)
    found_lse, lse = found_lse[~infinite], lse[~infinite]
    assert (numpy.abs(found_lse - lse) <= numpy.maximum(1e-6, 8.01 / 65536 * numpy.abs(lse))).all()


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("heads, kv_heads", [(1, 1), (3, 1), (9, 3), (63, 1), (64, 2), (64, 8), (126, 3), (128, 1)])
def test_dense(tensors, heads, kv_heads, causal):
    for query_count, length in itertools.product((1, 2, 4), (20, 140)):
        arguments, out, lse = dense_case(tensors, heads, kv_heads, query_count, length, causal)
        metadata, splits = flash_mla.get_mla_metadata(arguments[3], query_count * heads // kv_heads, kv_heads)
        answer = flash_mla.flash_mla_with_kvcache(*arguments, metadata, splits, causal=causal)
        assert answer[0].dtype == arguments[0].dtype
        check(tensors, answer, out, lse)


def test_long_half_precision_and_width_512(tensors):
    arguments, out, lse = dense_case(tensors, 16, 1, 1, 4096, False, width=512, dtype="float16")
    answer = flash_mla.flash_mla_with_kvcache(*arguments, flash_mla.get_mla_metadata()[0])
    check(tensors, answer, out, lse)


def test_metadata_follows_lengths_and_tables(tensors):
    metadata = flash_mla.get_mla_metadata()[0]
    for length in (100, 100, 90, 130):
        arguments, out, lse = dense_case(tensors, 4, 1, 2, length, True)
        check(tensors, flash_mla.flash_mla_with_kvcache(*arguments, metadata, causal=True), out, lse)


def test_refuses(tensors):
    arguments, _, _ = dense_case(tensors, 4, 1, 1, 20, False)
    q, k, table, lengths, width = arguments
    metadata = flash_mla.get_mla_metadata()[0]
    flash_mla.flash_mla_with_kvcache(*arguments, metadata)
    with pytest.raises(AssertionError, match="sched_meta.config.h_q must be equal to num_heads_q"):
        flash_mla.flash_mla_with_kvcache(q[:, :, :2], k, table, lengths, width, metadata)
    with pytest.raises(AssertionError, match="sched_meta.config.causal must be equal to causal"):
        flash_mla.flash_mla_with_kvcache(*arguments, metadata, causal=True)
    fresh = flash_mla.get_mla_metadata
    with pytest.raises(AssertionError, match="must be of type FlashMLASchedMeta"):
        flash_mla.flash_mla_with_kvcache(*arguments, lengths)
    with pytest.raises(AssertionError, match="num_splits must be None"):
        flash_mla.flash_mla_with_kvcache(*arguments, fresh()[0], lengths)
    with pytest.raises(AssertionError, match="block_table and cache_seqlens must be provided"):
        flash_mla.flash_mla_with_kvcache(q, k, None, lengths, width, fresh()[0])
    with pytest.raises(ValueError, match="query and key must have the same dtype"):
        other = tensors.make(numpy.zeros((1, 64, 1, 576), numpy.float32), "float16")
        flash_mla.flash_mla_with_kvcache(q, other, table, lengths, width, fresh()[0])
    with pytest.raises(ValueError, match="Only head_size_v == 512"):
        flash_mla.flash_mla_with_kvcache(q, k, table, lengths, 256, fresh()[0])
    with pytest.raises(ValueError, match="must divide number of heads"):
        flash_mla.flash_mla_with_kvcache(q[:, :, :3], tensors.make(numpy.zeros((1, 64, 2, 576)), "bfloat16"), table,
                                         lengths, width, fresh()[0])
