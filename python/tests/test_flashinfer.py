import itertools

import numpy
import pytest

from conftest import TOLERANCES, random_problem
from latent_attention import InvalidArgument, flashinfer

HEADS, PAGE_SIZES, QUERY_COUNTS = (1, 3, 16, 20, 64, 96, 128), (1, 16, 64, 7), (1, 4, 17)


def planned(tensors, problem, dtype, kpe=64, **changes):
    wrapper = flashinfer.BatchMLAPagedAttentionWrapper(None)
    arguments = dict(
        qo_indptr=tensors.indices(problem.query_offsets), kv_indptr=tensors.indices(problem.page_offsets),
        kv_indices=tensors.indices(problem.page_indices), kv_len_arr=tensors.indices(problem.key_lengths),
        num_heads=problem.queries.shape[1], head_dim_ckv=512, head_dim_kpe=kpe, page_size=problem.page_size,
        causal=problem.is_causal, sm_scale=problem.scale, q_data_type=tensors.dtype(dtype), kv_data_type=tensors.dtype(dtype),
    )
    wrapper.plan(**{**arguments, **changes})
    return wrapper


def parts(tensor):
    return tensor[..., :512], tensor[..., 512:]


def check(tensors, problem, dtype, out, lse, queries, cache, base=2.0):
    expected_out, expected_lse = problem.expected(tensors.double(queries), tensors.double(cache))
    tolerance = TOLERANCES[dtype]
    numpy.testing.assert_allclose(tensors.double(out), expected_out, rtol=tolerance, atol=tolerance)
    numpy.testing.assert_allclose(tensors.double(lse), expected_lse / numpy.log(base), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("heads", HEADS)
def test_results(tensors, heads, causal, dtype):
    for page_size, query_count in itertools.product(PAGE_SIZES, QUERY_COUNTS):
        lengths = (37, 0, 65 + page_size) if heads * query_count < 1000 else (65,)
        problem = random_problem(heads, page_size, query_count, causal, lengths=lengths, seed=heads + page_size)
        queries, cache = tensors.make(problem.queries, dtype), tensors.make(problem.cache, dtype)
        wrapper = planned(tensors, problem, dtype)
        out, lse = wrapper.run(*parts(queries), *parts(cache), return_lse=True)
        assert type(out) is type(queries) and out.dtype == queries.dtype and lse.dtype == tensors.dtype("float32")
        check(tensors, problem, dtype, out, lse, queries, cache)


def test_natural_lse_given_outputs_and_no_rope(tensors):
    problem = random_problem(5, 16, 2, True, key_width=512)
    queries, cache = tensors.make(problem.queries, "bfloat16"), tensors.make(problem.cache, "bfloat16")
    wrapper = planned(tensors, problem, "bfloat16", kpe=0)
    out = tensors.make(numpy.full((6, 5, 512), 7.0, numpy.float32), "bfloat16")
    lse = tensors.make(numpy.full((6, 5), 7.0, numpy.float32))
    given = queries[..., :512], queries[..., 512:], cache, cache[..., 512:]
    answer = wrapper.run(*given, out=out, lse=lse, return_lse=True, return_lse_base_on_e=True)
    assert answer[0] is out and answer[1] is lse
    check(tensors, problem, "bfloat16", out, lse, queries, cache, base=numpy.e)
    assert numpy.array_equal(tensors.double(wrapper.run(*given)), tensors.double(out))
    unasked = tensors.make(numpy.full((6, 5), 7.0, numpy.float32))
    assert not isinstance(wrapper.run(*given, lse=unasked, return_lse_base_on_e=True), tuple)
    assert numpy.array_equal(tensors.double(unasked), tensors.double(lse))


def test_longer_indptr_and_larger_queries(tensors):
    problem = random_problem(4, 16, 1, False)
    queries, cache = tensors.make(problem.queries, "float16"), tensors.make(problem.cache, "float16")
    wrapper = planned(
        tensors, problem, "float16", kv_indptr=tensors.indices(problem.page_offsets + [9999, -5]),
        qo_indptr=tensors.indices(problem.query_offsets[:-1] + [2]),
    )
    problem.query_offsets[-1] = 2
    out = tensors.make(numpy.full((3, 4, 512), 7.0, numpy.float32), "float16")
    wrapper.run(*parts(queries), *parts(cache), out=out)
    expected, _ = problem.expected(tensors.double(queries), tensors.double(cache))
    numpy.testing.assert_allclose(tensors.double(out)[:2], expected[:2], rtol=1e-3, atol=1e-3)
    assert (tensors.double(out)[2] == 7).all()


def test_caller_owned_buffers(tensors):
    problem = random_problem(2, 16, 1, False)
    count = len(problem.key_lengths)
    buffers = [tensors.indices([-1] * size) for size in (count + 1, count + 1, 64, count)]
    wrapper = flashinfer.BatchMLAPagedAttentionWrapper(None, True, *buffers, backend="fa3")
    lists = (problem.query_offsets, problem.page_offsets, problem.page_indices, problem.key_lengths)
    wrapper.plan(
        *[tensors.indices(values) for values in lists], 2, 512, 64, 16, False, problem.scale, tensors.dtype("float16"),
        tensors.dtype("float16"),
    )
    for buffer, values in zip(buffers, lists):
        assert [int(value) for value in buffer[: len(values)]] == values
    queries, cache = tensors.make(problem.queries, "float16"), tensors.make(problem.cache, "float16")
    check(
        tensors, problem, "float16", *wrapper.run(*parts(queries), *parts(cache), return_lse=True), queries, cache
    )
    buffers[0][:] = -1
    short = flashinfer.BatchMLAPagedAttentionWrapper(None, True, *buffers[:3], tensors.indices([0]))
    with pytest.raises(ValueError, match="Invalid shape of kv_len_arr"):
        short.plan(
            *[tensors.indices(values) for values in lists], 2, 512, 64, 16, False, problem.scale, tensors.dtype("float16"),
            tensors.dtype("float16"),
        )
    assert [int(value) for value in buffers[0]] == [-1] * (count + 1)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("heads", HEADS)
def test_fp8_results(tensors, heads, causal):
    """Over the shapes of `test_results`, with the bound of `test_fp8`."""
    scale, kpe_scale = 0.01, 0.02
    for page_size, query_count in itertools.product(PAGE_SIZES, QUERY_COUNTS):
        lengths = (37, 0, 65 + page_size) if heads * query_count < 1000 else (65,)
        problem = random_problem(heads, page_size, query_count, causal, lengths=lengths, seed=heads + page_size)
        queries = tensors.make(problem.queries, "bfloat16")
        columns = numpy.repeat([scale, kpe_scale], [512, 64])
        with numpy.errstate(invalid="ignore"):
            codes = tensors.make((problem.cache / columns).astype(numpy.float32), "float8_e4m3fn")
        wrapper = planned(tensors, problem, "bfloat16", kv_data_type=tensors.dtype("float8_e4m3fn"))
        out, lse = wrapper.run(
            *parts(queries), *parts(codes), return_lse=True, ckv_scale=scale, kpe_scale=kpe_scale
        )
        expected_out, expected_lse = problem.expected(tensors.double(queries), tensors.double(codes) * columns)
        numpy.testing.assert_allclose(tensors.double(out), expected_out, rtol=2e-2, atol=2e-2)
        numpy.testing.assert_allclose(tensors.double(lse), expected_lse / numpy.log(2), rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("kpe", [64, 0])
@pytest.mark.parametrize("scaling", ["tensor", "groups"])
def test_fp8(tensors, scaling, kpe):
    """As FlashInfer's own tests of FP8: 2e-2 against what the scaled values give."""
    problem = random_problem(16, 16, 4, True, key_width=512 + kpe)
    queries = tensors.make(problem.queries, "bfloat16")
    used = ~numpy.isnan(problem.cache)
    rng = numpy.random.default_rng(8)
    kpe_scale = 0.02
    shape = (*problem.cache.shape[:2], 4)
    groups = rng.uniform(0.003, 0.02, shape).astype(numpy.float32) if scaling == "groups" else numpy.full(shape, 0.01)
    columns = numpy.concatenate([groups.repeat(128, axis=2), numpy.full((*shape[:2], kpe), kpe_scale)], axis=2)
    with numpy.errstate(invalid="ignore"):
        codes = tensors.make((problem.cache / columns).astype(numpy.float32), "float8_e4m3fn")
    exact = tensors.double(codes) * columns
    assert numpy.array_equal(numpy.isnan(exact), ~used)
    wrapper = planned(tensors, problem, "bfloat16", kpe=kpe, kv_data_type=tensors.dtype("float8_e4m3fn"))
    scale_array = tensors.make(groups.astype(numpy.float32))
    scales = dict(ckv_scale=0.01) if scaling == "tensor" else dict(ckv_scale_arr=scale_array)
    given = (*parts(queries), *parts(codes))
    out, lse = wrapper.run(*given, return_lse=True, kpe_scale=kpe_scale, **scales)
    expected_out, expected_lse = problem.expected(tensors.double(queries), exact)
    numpy.testing.assert_allclose(tensors.double(out), expected_out, rtol=2e-2, atol=2e-2)
    numpy.testing.assert_allclose(tensors.double(lse), expected_lse / numpy.log(2), rtol=2e-2, atol=2e-2)

    for wrong, message in [
        (dict(kpe_scale=1.0), "Exactly one of ckv_scale or ckv_scale_arr is required"),
        (dict(kpe_scale=1.0, ckv_scale=1.0, ckv_scale_arr=scale_array), "Exactly one of ckv_scale or ckv_scale_arr"),
        (dict(ckv_scale=1.0), "kpe_scale is required when kv_data_type is FP8"),
        (dict(ckv_scale=0.0, kpe_scale=1.0), "ckv_scale must be a finite positive value, got 0.0"),
        (dict(ckv_scale=1.0, kpe_scale=numpy.inf), "kpe_scale must be a finite positive value"),
        (dict(ckv_scale_arr=scale_array[:, :, :3], kpe_scale=1.0), "Invalid shape of ckv_scale_arr"),
        (dict(ckv_scale_arr=tensors.make(groups, "bfloat16"), kpe_scale=1.0), "Invalid dtype of ckv_scale_arr"),
        (dict(ckv_scale_arr=tensors.make(groups.repeat(2, 2))[:, :, ::2], kpe_scale=1.0), "must be contiguous"),
    ]:
        with pytest.raises(ValueError, match=message):
            wrapper.run(*given, **wrong)
    with pytest.raises(ValueError, match="FP8 kv_data_type for MLA currently only supports q_data_type=torch.bfloat16"):
        planned(tensors, problem, "float16", kpe=kpe, kv_data_type=tensors.dtype("float8_e4m3fn"))
    with pytest.raises(ValueError, match=r"head_dim_ckv=512 and head_dim_kpe in \(0, 64\)"):
        planned(tensors, problem, "bfloat16", kpe=32, kv_data_type=tensors.dtype("float8_e4m3fn"))


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(kv_data_type="float32"), r"MLA kv_data_type .*float32 is not supported. Supported dtypes: \[torch.float16, "),
        (dict(head_dim_kpe=-1), "head_dim_kpe must be >= 0, got -1"),
        (dict(kv_len_arr=[37, -2, 150]), r"kv_len\[1\]-2 should be non-negative"),
        (dict(qo_indptr=[0, 2, 1, 3]), r"qo_indptr\[2\]1 - qo_indptr\[1\]2 should be non-negative"),
        (dict(kv_indptr=[0, 4]), "Invalid shape of kv_indptr"),
        (dict(kv_len_arr=[37, 0, 15000]), r"keyLengths\[2\] = 15000: needs 938 pages"),
    ],
)
def test_plan_refuses(tensors, changes, message):
    problem = random_problem(4, 16, 1, False)
    for field, value in changes.items():
        if isinstance(value, list):
            changes = {**changes, field: tensors.indices(value)}
        elif isinstance(value, str):
            changes = {**changes, field: tensors.dtype(value)}
    with pytest.raises(ValueError, match=message):
        planned(tensors, problem, "float16", **changes)


def test_run_refuses(tensors):
    problem = random_problem(4, 16, 1, False)
    queries, cache = tensors.make(problem.queries, "float16"), tensors.make(problem.cache, "float16")
    wrapper = planned(tensors, problem, "float16", use_profiler=False)
    given = [*parts(queries), *parts(cache)]
    for position, name in enumerate(("q_nope", "q_pe", "ckv_cache", "kpe_cache")):
        wrong = list(given)
        wrong[position] = tensors.make(numpy.zeros(tuple(given[position].shape), numpy.float32), "bfloat16")
        with pytest.raises(ValueError, match=f"{name}.dtype=.*bfloat16 does not match the planned"):
            wrapper.run(*wrong)
    with pytest.raises(ValueError, match="Invalid shape of out"):
        wrapper.run(*given, out=given[0][:1])
    with pytest.raises(ValueError, match="Invalid dtype of lse"):
        wrapper.run(*given, lse=given[0][:, :, 0], return_lse=True)
    with pytest.raises(ValueError, match="only valid when kv_data_type is FP8"):
        wrapper.run(*given, kpe_scale=1.0)
    with pytest.raises(ValueError, match="o_scale is only supported"):
        wrapper.run(*given, o_scale=1.0)
    with pytest.raises(TypeError):
        wrapper.run(*given, None, None, False, None, None, None, False, None, 1.0)
    with pytest.raises(InvalidArgument, match="cache.latent.shape") as caught:
        wrapper.run(given[0], given[1], given[2][:2], given[3][:2])
    assert caught.value.code == "mismatch"
    profiled = planned(tensors, problem, "float16", use_profiler=True)
    with pytest.raises(ValueError, match="Profiler is enabled, profiler_buffer must be provided"):
        profiled.run(*given)
    with pytest.raises(RuntimeError, match="plan must be called"):
        flashinfer.BatchMLAPagedAttentionWrapper(None).run(*given)
    with pytest.raises(ValueError, match="cutlass"):
        flashinfer.BatchMLAPagedAttentionWrapper(None, backend="cutlass")


def test_append_and_positions(tensors):
    append_indptr, lengths = tensors.indices([0, 2, 2, 5]), tensors.indices([2, 0, 18])
    requests, positions = flashinfer.get_batch_indices_positions(append_indptr, lengths, 6)
    assert [int(value) for value in requests] == [0, 0, 2, 2, 2, -1]
    assert [int(value) for value in positions][:5] == [0, 1, 15, 16, 17]
    kv_indptr, last = tensors.indices([0, 1, 1, 3]), tensors.indices([2, 0, 2])
    assert [int(n) for n in flashinfer.get_seq_lens(kv_indptr, last, 16)] == [2, 0, 18]
    rng = numpy.random.default_rng(3)
    tokens = tensors.make(rng.standard_normal((6, 576)).astype(numpy.float32), "bfloat16")
    cache = tensors.make(numpy.full((4, 16, 576), numpy.nan, numpy.float32), "bfloat16")
    flashinfer.append_paged_mla_kv_cache(
        tokens[:, :512], tokens[:, 512:], requests, positions, cache[..., :512], cache[..., 512:],
        tensors.indices([3, 1, 0]), kv_indptr, last,
    )
    written = tensors.double(cache)
    for token, (page, slot) in enumerate([(3, 0), (3, 1), (1, 15), (0, 0), (0, 1)]):
        assert numpy.array_equal(written[page, slot], tensors.double(tokens)[token])
        written[page, slot] = numpy.nan
    assert numpy.isnan(written).all()
    with pytest.raises(InvalidArgument, match=r"positions\[3\] = 16: must lie in the 1 pages"):
        flashinfer.append_paged_mla_kv_cache(
            tokens[:, :512], tokens[:, 512:], requests, positions, cache[..., :512], cache[..., 512:],
            tensors.indices([3, 1, 0]), tensors.indices([0, 1, 1, 2]), last,
        )


@pytest.mark.parametrize(
    "append_indptr, lengths, count, message",
    [
        ([0, 3, 1], [5, 5], 10, r"append_indptr\[2\] = 1: must go up"),
        ([-2, 3], [5], 10, r"append_indptr\[0\] = -2: must go up"),
        ([0, 4], [5], 3, r"append_indptr\[1\] = 4: must be at most nnz, 3"),
        ([0, 3, 4], [5], 10, r"Invalid shape of seq_lens: expected \(2,\), got \(1,\)"),
        ([], [], 3, r"Invalid shape of append_indptr: expected \(1,\), got \(0,\)"),
    ],
)
def test_positions_refuse(tensors, append_indptr, lengths, count, message):
    with pytest.raises(InvalidArgument, match=message):
        flashinfer.get_batch_indices_positions(tensors.indices(append_indptr), tensors.indices(lengths), count)
    with pytest.raises(InvalidArgument, match="Invalid dtype of seq_lens"):
        flashinfer.get_batch_indices_positions(tensors.indices([0, 1]), tensors.make(numpy.zeros(1)), 1)


def test_merges_refuse(tensors):
    v, s = tensors.make(numpy.zeros((3, 2, 4, 8))), tensors.make(numpy.zeros((3, 2, 4)))
    with pytest.raises(InvalidArgument, match=r"Invalid shape of s: expected \(3, 2, 4\), got \(3, 1, 4\)"):
        flashinfer.merge_states(v, s[:, :1])
    with pytest.raises(InvalidArgument, match=r"v.shape = \(3, 4, 8\): must have 4 dimensions"):
        flashinfer.merge_states(v[:, 0], s)
    with pytest.raises(InvalidArgument, match=r"states.output.shape\[1\] = \(2, 4, 8\): must be \(3, 4, 8\)"):
        flashinfer.merge_state(v[:, 0], s[:, 0], v[:2, 1], s[:2, 1])
    with pytest.raises(ValueError, match="Invalid dtype of s"):
        flashinfer.merge_state_in_place(v[:, 0], tensors.make(numpy.zeros((3, 4)), "float16"), v[:, 1], s[:, 1])


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_merges_are_attention_over_all_keys(tensors, dtype):
    rng = numpy.random.default_rng(5)
    scores, values = rng.standard_normal((6, 3, 30)), rng.standard_normal((30, 64))

    def state(keys):
        weights = 2.0 ** scores[..., keys]
        return weights @ values[keys] / weights.sum(-1, keepdims=True), numpy.log2(weights.sum(-1))

    cuts = [slice(0, 7), slice(7, 20), slice(20, 30)]
    v = tensors.make(numpy.stack([state(cut)[0] for cut in cuts], 1).astype(numpy.float32), dtype)
    s = tensors.make(numpy.stack([state(cut)[1] for cut in cuts], 1).astype(numpy.float32))
    whole, whole_lse = state(slice(0, 30))
    tolerance = dict(rtol=TOLERANCES[dtype], atol=2 * TOLERANCES[dtype])

    merged = flashinfer.merge_states(v, s)
    numpy.testing.assert_allclose(tensors.double(merged[0]), whole, **tolerance)
    numpy.testing.assert_allclose(tensors.double(merged[1]), whole_lse, rtol=1e-5, atol=1e-5)
    two = flashinfer.merge_state(*flashinfer.merge_state(v[:, 0], s[:, 0], v[:, 1], s[:, 1]), v[:, 2], s[:, 2])
    numpy.testing.assert_allclose(tensors.double(two[0]), whole, **tolerance)
    kept = tensors.double(v[:, 0]).copy()
    mask = tensors.make(numpy.array([1, 0, 1, 1, 0, 1], bool), "bool")
    flashinfer.merge_state_in_place(v[:, 0], s[:, 0], v[:, 1], s[:, 1], mask)
    first_two = state(slice(0, 20))[0]
    numpy.testing.assert_allclose(tensors.double(v[:, 0])[[0, 2, 3, 5]], first_two[[0, 2, 3, 5]], **tolerance)
    assert numpy.array_equal(tensors.double(v[:, 0])[[1, 4]], kept[[1, 4]])
