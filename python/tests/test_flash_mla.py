import itertools

import ml_dtypes
import numpy
import pytest

import latent_attention
from latent_attention import _engine, _tensors, flash_mla

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


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("heads, kv_heads, query_count, width", [(3, 1, 2, 576), (4, 2, 1, 576), (2, 1, 1, 512)])
def test_dense_on_simulated_hopper(monkeypatch, tensors, heads, kv_heads, query_count, width, dtype):
    monkeypatch.setitem(_engine._defaults, None, latent_attention.Engine.hopper())
    arguments, out, lse = dense_case(tensors, heads, kv_heads, query_count, 70, True, width=width, dtype=dtype)
    check(tensors, flash_mla.flash_mla_with_kvcache(*arguments, flash_mla.get_mla_metadata()[0], causal=True), out, lse)


def test_sparse_on_hopper_is_refused(monkeypatch, tensors):
    monkeypatch.setitem(_engine._defaults, None, latent_attention.Engine.hopper())
    q, kv = (tensors.make(numpy.zeros(shape, numpy.float32), "bfloat16") for shape in ((1, 2, 576), (9, 1, 576)))
    with pytest.raises(latent_attention.InvalidArgument, match="on Hopper"):
        flash_mla.flash_mla_sparse_fwd(q, kv, tensors.indices([[[0, 1]]]), 0.1)


def test_writes_are_counted():
    """What stands for the numbers of a tensor on a GPU; torch counts the same way in host memory."""
    torch = pytest.importorskip("torch")
    table = torch.zeros(4, 8, dtype=torch.int32)
    before = _tensors.place_and_writes(table[:2])
    assert _tensors.place_and_writes(table[:2]) == before
    others = [table[1:3], table[:3], table.T[:2], table.clone()[:2]]
    assert all(_tensors.place_and_writes(other) != before for other in others)
    table[3, 3] = 1
    assert _tensors.place_and_writes(table[:2]) != before


def test_metadata_follows_lengths_and_tables(tensors):
    metadata = flash_mla.get_mla_metadata()[0]
    for length in (100, 100, 90, 130):
        arguments, out, lse = dense_case(tensors, 4, 1, 2, length, True)
        check(tensors, flash_mla.flash_mla_with_kvcache(*arguments, metadata, causal=True), out, lse)
    # The last case with its blocks in the other order: other tables, and the same lengths and answers.
    q, k, table, *rest = arguments
    mirrored = numpy.asarray(table)
    mirrored = numpy.where(mirrored < len(k), len(k) - 1 - mirrored, mirrored)
    turned = tensors.make(tensors.double(k)[::-1], "bfloat16")
    answer = flash_mla.flash_mla_with_kvcache(q, turned, tensors.indices(mirrored), *rest, metadata, causal=True)
    check(tensors, answer, out, lse)
    arguments, _, _ = dense_case(tensors, 4, 1, 2, 130, True)
    narrow = (arguments[0][..., :512], arguments[1][..., :512], *arguments[2:])
    for given in (arguments, narrow):
        answer, again = (
            flash_mla.flash_mla_with_kvcache(*given, shared, causal=True, softmax_scale=0.1)[0]
            for shared in (metadata, flash_mla.get_mla_metadata()[0])
        )
        assert numpy.array_equal(tensors.double(answer), tensors.double(again))


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
    for position in (0, 1):
        flat = [q, k]
        flat[position] = flat[position][0]
        with pytest.raises(ValueError, match="must have 4 dimensions"):
            flash_mla.flash_mla_with_kvcache(*flat, table, lengths, width, fresh()[0])
    with pytest.raises(ValueError, match="Only head_size_v == 512"):
        flash_mla.flash_mla_with_kvcache(q, k, table, lengths, 256, fresh()[0])
    with pytest.raises(ValueError, match="must divide number of heads"):
        flash_mla.flash_mla_with_kvcache(q[:, :, :3], tensors.make(numpy.zeros((1, 64, 2, 576)), "bfloat16"), table,
                                         lengths, width, fresh()[0])


class Pool:
    """FlashMLA's 8-bit tokens, with NaN where nothing was written, and their exact values."""

    def __init__(self, tensors, width, blocks, slots, rng, dtype):
        nope, tile = (512, 128) if width == 576 else (448, 64)
        size = 656 if width == 576 else 584
        values = rng.standard_normal((blocks, slots, width)) / 3
        tiles = values[..., :nope].reshape(blocks, slots, -1, tile)
        scales = 2.0 ** numpy.ceil(numpy.log2(numpy.abs(tiles).max(-1, keepdims=True) / 448))
        if width == 576:
            scales *= rng.uniform(1, 2, scales.shape).astype(numpy.float32)
        codes = (tiles / scales).astype(ml_dtypes.float8_e4m3fn)
        rope = values[..., nope:].astype(ml_dtypes.bfloat16)
        self.values = numpy.concatenate(
            [(codes.astype(float) * scales).reshape(blocks, slots, nope), rope.astype(float)], -1
        ).reshape(-1, width)
        # One slot more than there are, so that pages do not follow each other.
        memory = numpy.full((blocks, (slots + 1) * size), 0xFF, numpy.uint8)
        code_bytes, rope_bytes = codes.view(numpy.uint8).reshape(blocks, slots, nope), rope.view(numpy.uint8)
        if width == 576:
            parts = [code_bytes, scales[..., 0].astype(numpy.float32).view(numpy.uint8).reshape(blocks, slots, 16), rope_bytes]
            memory[:, : slots * size] = numpy.concatenate(parts, -1).reshape(blocks, -1)
        else:
            exponents = numpy.zeros((blocks, slots, 8), numpy.uint8)
            exponents[..., :7] = numpy.log2(scales[..., 0]) + 127
            together = numpy.concatenate([code_bytes, rope_bytes], -1).reshape(blocks, -1)
            memory[:, : slots * size] = numpy.concatenate([together, exponents.reshape(blocks, -1)], -1)
        kept = tensors.make(memory, "uint8")
        layout = ((blocks, slots, 1, size), ((slots + 1) * size, size, size, 1))
        strided = kept.as_strided if tensors.is_torch else lambda *by: numpy.lib.stride_tricks.as_strided(kept, *by)
        bytes_of_tokens = strided(*layout)
        self.tensor = bytes_of_tokens if dtype == "uint8" else bytes_of_tokens.view(tensors.dtype(dtype))


def sparse_row(scale, query, keys, sink):
    """Output, largest score and LSE of one head."""
    if len(keys) == 0:
        return numpy.zeros(512), -numpy.inf, numpy.inf
    scores = scale * keys @ query
    top = scores.max()
    weights = numpy.exp(scores - top)
    with numpy.errstate(over="ignore"):
        total = weights.sum() + (0 if sink is None else numpy.exp(sink - top))
    return weights / total @ keys[:, :512], top, top + numpy.log(weights.sum())


def random_indices(rng, shape, count):
    """Indices with -1, repeated and, in the first row, nothing else than skipped ones."""
    indices = rng.integers(0, count, shape).astype(numpy.int32)
    indices[rng.random(shape) < 0.3] = -1
    indices[(0,) * (len(shape) - 1)] = -1
    return indices


@pytest.mark.parametrize("dtype", ["float8_e4m3fn", "int8", "uint8"])
@pytest.mark.parametrize("width", [576, 512])
@pytest.mark.parametrize("has_extra", [False, True])
def test_sparse_decoding(tensors, width, has_extra, dtype):
    batch, query_count, heads, topk = 3, 2, 16, 40
    rng = numpy.random.default_rng(width + has_extra)
    pools = [Pool(tensors, width, 4, 64, rng, dtype), Pool(tensors, width, 5, 2, rng, dtype)][: 1 + has_extra]
    indices = [random_indices(rng, (batch, query_count, topk), len(pool.values)) for pool in pools]
    lengths = [numpy.array([topk, 7, 0], numpy.int32), numpy.array([topk, 0, 0], numpy.int32)][: 1 + has_extra]
    if has_extra:
        lengths[1][0] = 11
    sinks = numpy.linspace(-2, 2, heads).astype(numpy.float32)
    sinks[:2] = numpy.inf, -numpy.inf
    q = tensors.make(rng.standard_normal((batch, query_count, heads, width)).astype(numpy.float32), "bfloat16")
    extra = {}
    if has_extra:
        extra = dict(
            extra_k_cache=pools[1].tensor, extra_indices_in_kvcache=tensors.indices(indices[1]),
            extra_topk_length=tensors.indices(lengths[1]),
        )
    out, lse = flash_mla.flash_mla_with_kvcache(
        q, pools[0].tensor, None, None, 512, flash_mla.get_mla_metadata()[0], is_fp8_kvcache=True,
        indices=tensors.indices(indices[0]), topk_length=tensors.indices(lengths[0]), attn_sink=tensors.make(sinks),
        softmax_scale=0.1, **extra,
    )
    assert out.dtype == q.dtype and tuple(lse.shape) == (batch, heads, query_count)
    exact, found, found_lse = tensors.double(q), tensors.double(out), tensors.double(lse)
    for request, token, head in itertools.product(range(batch), range(query_count), range(heads)):
        keys = numpy.concatenate([
            pool.values[[index for index in rows[request, token, : counts[request]] if index >= 0]].reshape(-1, width)
            for pool, rows, counts in zip(pools, indices, lengths)
        ])
        row, _, row_lse = sparse_row(0.1, exact[request, token, head], keys, sinks[head])
        numpy.testing.assert_allclose(found[request, token, head], row, rtol=2e-2, atol=4e-3)
        numpy.testing.assert_allclose(found_lse[request, head, token], row_lse, rtol=1e-2, atol=4e-3)


@pytest.mark.parametrize("kv_heads, width", [(1, 576), (2, 512)])
def test_sparse_prefill(tensors, kv_heads, width):
    query_count, heads, tokens, topk = 5, 8, 50, 20
    rng = numpy.random.default_rng(width)
    q = tensors.make(rng.standard_normal((query_count, heads, width)).astype(numpy.float32), "bfloat16")
    kv = tensors.make(rng.standard_normal((tokens, kv_heads, width)).astype(numpy.float32) / 3, "bfloat16")
    indices = random_indices(rng, (query_count, kv_heads, topk), tokens + 5)
    lengths = numpy.array([topk, 3, 0, topk, 9], numpy.int32)
    for sinks in (None, numpy.linspace(-1, 1, heads).astype(numpy.float32)):
        out, largest, lse = flash_mla.flash_mla_sparse_fwd(
            q, kv, tensors.indices(indices), 0.08, attn_sink=None if sinks is None else tensors.make(sinks),
            topk_length=tensors.indices(lengths),
        )
        assert out.dtype == q.dtype and tuple(largest.shape) == tuple(lse.shape) == (query_count, heads)
        for token, head in itertools.product(range(query_count), range(heads)):
            kv_head = head // (heads // kv_heads)
            chosen = [index for index in indices[token, kv_head, : lengths[token]] if 0 <= index < tokens]
            keys = tensors.double(kv)[chosen, kv_head].reshape(-1, width)
            sink = None if sinks is None else sinks[head]
            row, top, row_lse = sparse_row(0.08, tensors.double(q)[token, head], keys, sink)
            numpy.testing.assert_allclose(tensors.double(out)[token, head], row, rtol=1e-2, atol=2e-3)
            numpy.testing.assert_allclose(tensors.double(largest)[token, head], top, rtol=1e-4, atol=1e-4)
            numpy.testing.assert_allclose(tensors.double(lse)[token, head], row_lse, rtol=1e-4, atol=1e-4)


def test_sparse_refuses(tensors):
    rng = numpy.random.default_rng(1)
    pool = Pool(tensors, 576, 2, 64, rng, "uint8").tensor
    q = tensors.make(rng.standard_normal((1, 1, 4, 576)).astype(numpy.float32), "bfloat16")
    indices = tensors.indices(numpy.zeros((1, 1, 8), numpy.int32))

    def run(q=q, pool=pool, indices=indices, **arguments):
        return flash_mla.flash_mla_with_kvcache(
            q, pool, None, None, 512, flash_mla.get_mla_metadata()[0], indices=indices,
            **{"is_fp8_kvcache": True, **arguments},
        )

    run()
    for error, message, arguments in [
        (AssertionError, "is_fp8_kvcache must be True when sparse attention is enabled", dict(is_fp8_kvcache=False)),
        (AssertionError, "causal must be False when indices_in_kvcache is not None", dict(causal=True)),
        (ValueError, "extra_indices_in_kvcache must be provided", dict(extra_k_cache=pool)),
        (ValueError, "must not be provided when extra_k_cache is not", dict(extra_topk_length=indices[0, 0])),
        (ValueError, "key must have dtype", dict(pool=q)),
        (ValueError, "must have 656 bytes per token, got 600", dict(pool=pool[..., :600])),
        (ValueError, "The whole block must be contiguous when is_fp8_cache is True for kv cache", dict(pool=pool[:, ::2])),
        (ValueError, r"indices must have shape \(1, 1, 8\)", dict(indices=tensors.indices(numpy.zeros((1, 2, 8))))),
        (ValueError, r"topk_length must have shape \(1,\)", dict(topk_length=indices[0, 0])),
        (ValueError, r"attn_sink must have shape \(4,\)", dict(attn_sink=tensors.make(numpy.zeros(3)))),
        (ValueError, r"lengths\[0\] = -1: must not be negative", dict(topk_length=tensors.indices([-1]))),
    ]:
        with pytest.raises(error, match=message):
            run(**arguments)
