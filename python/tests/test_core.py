import ctypes
import pathlib
import subprocess
import sys
import threading
import time

import numpy
import pytest

import latent_attention
from conftest import random_problem
from latent_attention import _tensors

ROOT = pathlib.Path(__file__).resolve().parents[1]


def planned(engine, problem, heads):
    lists = (problem.query_offsets, problem.page_offsets, problem.page_indices, problem.key_lengths)
    return engine.plan(
        latent_attention.Geometry(heads, problem.scale), *[numpy.array(values, numpy.int32) for values in lists],
        problem.page_size, causal=problem.is_causal,
    )


def parts(tensor):
    return tensor[..., :512], tensor[..., 512:]


@pytest.mark.parametrize("policy", ["balanced", "flashinfer", "flash_mla", "batch_invariant"])
def test_float32_and_policies(tensors, policy):
    problem = random_problem(3, 16, 4, True)
    queries, cache = tensors.make(problem.queries), tensors.make(problem.cache)
    lists = (problem.query_offsets, problem.page_offsets, problem.page_indices, problem.key_lengths)
    plan = latent_attention.Engine(threads=2).plan(
        latent_attention.Geometry(3, problem.scale), *[tensors.indices(values) for values in lists], 16, causal=True,
        policy=policy, pool_page_count=len(cache),
    )
    out, lse = plan.run(*parts(queries), *parts(cache), return_lse=True)
    expected_out, expected_lse = problem.expected(tensors.double(queries), tensors.double(cache))
    numpy.testing.assert_allclose(tensors.double(out), expected_out, rtol=1e-4, atol=1e-5)
    numpy.testing.assert_allclose(tensors.double(lse), expected_lse, rtol=1e-5, atol=1e-5)


def test_strides_are_respected(tensors):
    problem = random_problem(4, 16, 2, True)
    queries = tensors.make(problem.queries.swapaxes(0, 1), "float16").swapaxes(0, 1)
    cache = tensors.make(problem.cache.swapaxes(0, 1), "float16").swapaxes(0, 1)
    whole = tensors.make(numpy.full((4, 2 * 6, 520), 7.0, numpy.float32), "float16")
    out = whole.swapaxes(0, 1)[::2, :, 4:516]
    answer = planned(latent_attention.Engine(), problem, 4).run(*parts(queries), *parts(cache), out)
    assert answer is out
    expected, _ = problem.expected(tensors.double(queries), tensors.double(cache))
    numpy.testing.assert_allclose(tensors.double(out), expected, rtol=1e-3, atol=1e-3)
    untouched = tensors.double(whole).swapaxes(0, 1)
    assert (untouched[1::2] == 7).all() and (untouched[::2, :, :4] == 7).all() and (untouched[::2, :, 516:] == 7).all()


class OnlyDLPack:
    def __init__(self, array):
        self.array = array
        self.shape = array.shape

    def __len__(self):
        return len(self.array)

    def __dlpack__(self, **arguments):
        return self.array.__dlpack__(**arguments)


class OnlyArrayInterface:
    def __init__(self, array):
        self.array = array
        self.__array_interface__ = array.__array_interface__

    def __len__(self):
        return len(self.array)


@pytest.mark.parametrize("wrap", [OnlyDLPack, OnlyArrayInterface])
def test_other_libraries(wrap):
    problem = random_problem(2, 16, 1, False)
    queries, cache = problem.queries.astype(numpy.float16), problem.cache.astype(numpy.float16)
    plan = planned(latent_attention.Engine(), problem, 2)
    out = numpy.empty((3, 2, 512), numpy.float16)
    plan.run(*map(wrap, (*parts(queries), *parts(cache), out)))
    assert numpy.array_equal(out, plan.run(*parts(queries), *parts(cache)))


class OffsetCapsule:
    """What exporters may hand out and neither numpy nor torch does: data behind an offset, on any device."""

    def __init__(self, array, offset, device=1):
        self.array = array
        sizes = (ctypes.c_int64 * array.ndim)(*array.shape)
        self.strides = (ctypes.c_int64 * array.ndim)(*[stride // array.itemsize for stride in array.strides])
        self.content = _tensors._DLTensor(
            array.ctypes.data - offset, device, 0, array.ndim, 2, 8 * array.itemsize, 1, sizes, self.strides, offset
        )

    def __len__(self):
        return len(self.array)

    def __dlpack__(self, **arguments):
        new = ctypes.pythonapi.PyCapsule_New
        new.restype, new.argtypes = ctypes.py_object, (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)
        return new(ctypes.addressof(self.content), b"dltensor", None)


def test_capsules():
    problem = random_problem(2, 16, 1, False)
    queries, cache = problem.queries.astype(numpy.float16), problem.cache.astype(numpy.float16)
    plan = planned(latent_attention.Engine(), problem, 2)
    given, out = [*parts(queries), *parts(cache)], numpy.empty((3, 2, 512), numpy.float16)
    plan.run(*[OffsetCapsule(array, 64) for array in (*given, out)])
    assert numpy.array_equal(out, plan.run(*given))
    with pytest.raises(latent_attention.InvalidArgument, match="query_latent is on device type 2: must be in host memory"):
        plan.run(OffsetCapsule(given[0], 0, device=2), *given[1:], out)


def test_other_devices_are_refused():
    torch = pytest.importorskip("torch")
    problem = random_problem(2, 16, 1, False)
    plan = planned(latent_attention.Engine(), problem, 2)
    given = [torch.from_numpy(array) for array in (*parts(problem.queries), *parts(problem.cache))]
    for position, field in enumerate(("query_latent", "query_rope", "cache_latent", "cache_rope")):
        elsewhere = list(given)
        elsewhere[position] = given[position].to("meta")
        with pytest.raises(latent_attention.InvalidArgument, match=f"{field} is on meta: must be in host memory"):
            plan.run(*elsewhere, torch.empty(3, 2, 512))


def test_append_counts_its_tokens():
    tokens, pages = numpy.ones((2, 512), numpy.float16), numpy.zeros((1, 16, 512), numpy.float16)
    for field in ("requests", "positions"):
        lists = dict(requests=[0, 0], positions=[0, 1], page_indices=[0], page_offsets=[0, 1])
        lists[field] = [0]
        with pytest.raises(latent_attention.InvalidArgument, match=rf"{field}.shape = \(1,\): must be \(2,\)"):
            latent_attention.append(
                latent=tokens, rope=None, cache_latent=pages, cache_rope=None,
                **{name: numpy.array(values, numpy.int32) for name, values in lists.items()},
            )
    assert not pages.any()


def test_mistakes_have_types():
    with pytest.raises(latent_attention.InvalidArgument, match="instruction_set = avx1024") as caught:
        latent_attention.Engine(instruction_set="avx1024")
    assert isinstance(caught.value, ValueError) and caught.value.code == "out_of_range"
    with pytest.raises(latent_attention.Unavailable, match="no CUDA driver|no GPU"):
        latent_attention.Engine.hopper(device=99)
    with pytest.raises(latent_attention.Unavailable, match="no CUDA driver|no GPU"):
        latent_attention.Engine.hopper(device=99, memory="device")
    with pytest.raises(latent_attention.InvalidArgument, match="memory = 'managed': must be one of host, device"):
        latent_attention.Engine.hopper(memory="managed")
    with pytest.raises(latent_attention.InvalidArgument, match="memory = 1: must be mla_memory_host with a simulated device"):
        latent_attention.Engine.hopper(memory="device")
    with pytest.raises(latent_attention.InvalidArgument, match="out is of type ndarray: must be a torch tensor.* on cuda:0"):
        latent_attention._tensors.rank3(numpy.zeros((1, 1, 1), numpy.float32), "out", 0)
    problem = random_problem(2, 16, 1, False)
    plan = planned(latent_attention.Engine(), problem, 2)
    queries, cache = problem.queries.astype(numpy.float16), problem.cache.astype(numpy.float16)
    given = [*parts(queries), *parts(cache)]
    for position, wrong, message in [
        (0, given[0].astype(numpy.float64), "query_latent: must be of type"),
        (0, given[0][..., ::2], "query_latent.strides = .*: the last dimension must be contiguous"),
        (0, given[0][0], "query_latent.shape = .*: must have 3 dimensions"),
        (2, [1, 2], "cache_latent is of type list"),
        (2, given[2][..., :256], r"cache.latent.shape = \(.*256\)"),
    ]:
        changed = list(given)
        changed[position] = wrong
        with pytest.raises(latent_attention.InvalidArgument, match=message):
            plan.run(*changed, numpy.empty((3, 2, 512), numpy.float16))
    for lse, message in [
        (numpy.zeros((3, 2), "f8"), "lse: must be of type float32"),
        (numpy.zeros((3, 2, 1), "f4"), "lse.shape = .*: must have 2 dimensions"),
    ]:
        with pytest.raises(latent_attention.InvalidArgument, match=message):
            plan.run(*given, lse=lse)
    with pytest.raises(latent_attention.InvalidArgument, match="must not overlap queries.latent") as caught:
        plan.run(*given, given[0])
    assert caught.value.code == "overlap"


def test_arrays_whose_memory_is_not_what_it_seems():
    problem = random_problem(2, 16, 1, False)
    plan = planned(latent_attention.Engine(), problem, 2)
    queries, cache = problem.queries.astype(numpy.float16), problem.cache.astype(numpy.float16)
    given = [*parts(queries), *parts(cache)]
    for position in range(4):
        swapped = list(given)
        swapped[position] = given[position].astype(">f2")
        with pytest.raises(latent_attention.InvalidArgument, match="must be of type"):
            plan.run(*swapped)
    with pytest.raises(latent_attention.InvalidArgument, match="Invalid dtype of key_lengths: expected int32, got >i4"):
        latent_attention.Engine().plan(
            latent_attention.Geometry(2, 0.1), *[numpy.array(values, numpy.int32) for values in ([0, 1], [0, 1], [0])],
            numpy.array([3], ">i4"), 16,
        )
    # Records of an odd number of bytes: rows of the cache that start between elements.
    records = numpy.zeros(cache.shape[:2], [("latent", "f2", 512), ("rope", "f2", 64), ("flag", "u1")])
    with pytest.raises(latent_attention.InvalidArgument, match="cache_latent.strides = .* must be multiples") as caught:
        plan.run(*given[:2], records["latent"], records["rope"])
    assert caught.value.code == "misaligned"


def read_only(shape, dtype):
    array = numpy.zeros(shape, dtype)
    array.flags.writeable = False
    return array


def test_read_only_arrays_stay_as_they_are():
    problem = random_problem(2, 16, 1, False)
    plan = planned(latent_attention.Engine(), problem, 2)
    queries, cache = problem.queries.astype(numpy.float16), problem.cache.astype(numpy.float16)
    out, lse = read_only((3, 2, 512), "f2"), read_only((3, 2), "f4")
    for field, arguments in (("out", dict(out=out)), ("lse", dict(lse=lse, return_lse=True))):
        with pytest.raises(latent_attention.InvalidArgument, match=f"{field} is read-only"):
            plan.run(*parts(queries), *parts(cache), **arguments)
    states = [(numpy.ones((3, 2, 512), "f2"), numpy.ones((3, 2), "f4"))] * 2
    for field, target in (("out", (out, states[0][1])), ("lse", (states[0][0], lse))):
        with pytest.raises(latent_attention.InvalidArgument, match=f"{field} is read-only"):
            latent_attention.merge_states(states, *target)
    pages = read_only((1, 16, 512), "f2")
    lists = [numpy.array(values, numpy.int32) for values in ([0], [0], [0], [0, 1])]
    with pytest.raises(latent_attention.InvalidArgument, match="cache_latent is read-only"):
        latent_attention.append(states[0][0][:1, 0], None, *lists[:2], pages, None, *lists[2:])
    assert not out.any() and not lse.any() and not pages.any()


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(page_size="16"), "page_size = '16': must be an integer"),
        (dict(page_size=2**70), f"page_size = {2**70}: must fit 64 bits"),
        (dict(pool_page_count=1.5), "pool_page_count = 1.5: must be an integer"),
        (dict(geometry=latent_attention.Geometry(2.0, 0.1)), "head_count = 2.0: must be an integer"),
        (dict(geometry=latent_attention.Geometry(2, 1e39)), "softmaxScale = inf: must be finite"),
        (dict(geometry=latent_attention.Geometry(2, "x")), "softmax_scale = 'x': must be a number"),
    ],
)
def test_numbers_are_checked(changes, message):
    lists = [numpy.array(values, numpy.int32) for values in ([0, 1], [0, 1], [0], [3])]
    arguments = dict(geometry=latent_attention.Geometry(2, 0.1), page_size=16, causal=numpy.bool_(True))
    engine = latent_attention.Engine(threads=1)
    engine.plan(query_offsets=lists[0], page_offsets=lists[1], page_indices=lists[2], key_lengths=lists[3], **arguments)
    with pytest.raises(latent_attention.InvalidArgument, match=message):
        engine.plan(
            query_offsets=lists[0], page_offsets=lists[1], page_indices=lists[2], key_lengths=lists[3],
            **{**arguments, **changes},
        )
    with pytest.raises(latent_attention.InvalidArgument, match="threads = .* must fit 64 bits"):
        latent_attention.Engine(threads=2**70)


def test_addresses(tmp_path):
    """They are read where the array keeps them, anew each time, and are those that the interface says."""
    assert _tensors.address is _tensors._address_by_layout
    array = numpy.arange(24, dtype=numpy.int32).reshape(2, 3, 4)
    mapped = numpy.memmap(tmp_path / "memory", numpy.int32, "w+", shape=(2, 3))
    for view in (array, array[1], array[:, 1:, ::2], array[..., ::-1], array[:0], array.T, mapped, mapped[1:], numpy.array(3)):
        assert _tensors.address(view) == view.__array_interface__["data"][0]
    growing = numpy.zeros(1, numpy.int8)
    growing.resize(1 << 24, refcheck=False)
    assert _tensors.address(growing) == growing.__array_interface__["data"][0]


def test_batches_of_nothing(tensors):
    lists = [tensors.indices(values) for values in ([0], [0], [], [])]
    plan = latent_attention.Engine(threads=1).plan(latent_attention.Geometry(2, 0.1), *lists, 16)
    queries = tensors.make(numpy.zeros((0, 2, 576)), "float16")
    cache = tensors.make(numpy.zeros((1, 16, 576)), "float16")
    out, lse = plan.run(*parts(queries), *parts(cache), return_lse=True)
    assert tuple(out.shape) == (0, 2, 512) and tuple(lse.shape) == (0, 2)


def test_annotations_are_installed():
    assert (pathlib.Path(latent_attention.__file__).parent / "py.typed").exists()


@pytest.mark.parametrize("shared", [True, False])
def test_eight_threads(shared):
    """Each with a problem of its own, planned anew for some calls: answers are its own, the same bits each time."""
    engines = [latent_attention.Engine(threads=2)] * 8 if shared else [latent_attention.Engine(threads=2) for _ in range(8)]
    problems = [
        random_problem(4 + index, 16, 1 + index % 3, True, lengths=(300 - 31 * index, 5), seed=index) for index in range(8)
    ]
    start, failures = threading.Barrier(8), []

    def work(engine, problem):
        try:
            heads = problem.queries.shape[1]
            queries, cache = problem.queries.astype(numpy.float16), problem.cache.astype(numpy.float16)
            expected = problem.expected(queries.astype(float), cache.astype(float))
            plan = planned(engine, problem, heads)
            first = plan.run(*parts(queries), *parts(cache), return_lse=True)
            for found, right in zip(first, expected):
                numpy.testing.assert_allclose(found.astype(float), right, rtol=1e-3, atol=1e-3)
            start.wait(timeout=60)
            for call in range(40):
                plan = planned(engine, problem, heads) if call % 4 == 0 else plan
                again = plan.run(*parts(queries), *parts(cache), return_lse=True)
                assert all(numpy.array_equal(*pair) for pair in zip(first, again))
        except BaseException as error:  # noqa: BLE001: whatever it is, the test fails by it
            start.abort()
            failures.append(error)

    threads = [threading.Thread(target=work, args=given) for given in zip(engines, problems)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
    assert not any(thread.is_alive() for thread in threads)
    assert failures == []


def test_calls_let_go_of_the_gil():
    """While a long call runs, this thread looks at the clock."""
    problem = random_problem(16, 64, 1, False, lengths=(3_000,))
    queries, cache = problem.queries.astype(numpy.float16), problem.cache.astype(numpy.float16)
    plan = planned(latent_attention.Engine(threads=1, instruction_set="portable"), problem, 16)

    def is_looked_at():
        call, looks = [], []

        def work():
            call.append(time.perf_counter())
            plan.run(*parts(queries), *parts(cache))
            call.append(time.perf_counter())

        thread = threading.Thread(target=work)
        thread.start()
        while thread.is_alive():
            looks.append(time.perf_counter())
            time.sleep(1e-4)
        return any(call[0] < look < call[1] for look in looks)

    # The interpreter takes the GIL from nobody: who looks during the call got it because the call let go. A busy machine may
    # keep this thread from looking, but not for many calls on end.
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    try:
        assert any(is_looked_at() for _ in range(50))
    finally:
        sys.setswitchinterval(interval)


def test_simulated_hopper():
    problem = random_problem(2, 64, 1, False, lengths=(40,))
    queries, cache = problem.queries.astype(numpy.float16), problem.cache.astype(numpy.float16)
    engine = latent_attention.Engine.hopper()
    assert engine.worker_count == 132
    out = planned(engine, problem, 2).run(*parts(queries), *parts(cache))
    expected, _ = problem.expected(queries.astype(float), cache.astype(float))
    numpy.testing.assert_allclose(out.astype(float), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "example", sorted(str(path.relative_to(ROOT / "examples")) for path in (ROOT / "examples").rglob("*.py"))
)
def test_examples(example, tmp_path):
    """In a folder without the source tree, with what is installed; `Scripts/test-python` runs them with numpy alone too."""
    if example.startswith("torch/"):
        for package in ("torch", "transformers"):
            pytest.importorskip(package)
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / example], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout


def test_overhead_is_printed(tmp_path):
    code = f"import runpy, sys; sys.path.insert(0, {str(ROOT / 'benchmarks')!r}); import overhead; overhead.ROUNDS = 50; overhead.main()"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "flashinfer run: adds" in done.stdout
