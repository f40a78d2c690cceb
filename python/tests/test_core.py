import pathlib
import subprocess
import sys
import threading

import numpy
import pytest

import latent_attention
from conftest import random_problem

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


def test_mistakes_have_types():
    with pytest.raises(latent_attention.InvalidArgument, match="instruction_set = avx1024") as caught:
        latent_attention.Engine(instruction_set="avx1024")
    assert isinstance(caught.value, ValueError) and caught.value.code == "out_of_range"
    with pytest.raises(latent_attention.Unavailable, match="no CUDA driver|no GPU"):
        latent_attention.Engine.hopper(device=99)
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
    with pytest.raises(latent_attention.InvalidArgument, match="must not overlap queries.latent") as caught:
        plan.run(*given, given[0])
    assert caught.value.code == "overlap"


@pytest.mark.parametrize("shared", [True, False])
def test_eight_threads(shared):
    problem = random_problem(8, 16, 2, True, lengths=(300, 5))
    queries, cache = problem.queries.astype(numpy.float16), problem.cache.astype(numpy.float16)
    engines = [latent_attention.Engine(threads=2)] * 8 if shared else [latent_attention.Engine(threads=2) for _ in range(8)]
    expected, _ = problem.expected(queries.astype(float), cache.astype(float))
    failures = []

    def work(engine):
        try:
            for _ in range(20):
                out = planned(engine, problem, 8).run(*parts(queries), *parts(cache))
                numpy.testing.assert_allclose(out.astype(float), expected, rtol=1e-3, atol=1e-3)
        except Exception as error:  # noqa: BLE001: whatever it is, the test fails by it
            failures.append(error)

    threads = [threading.Thread(target=work, args=(engine,)) for engine in engines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=300)
    assert not any(thread.is_alive() for thread in threads)
    assert failures == []


def test_calls_let_go_of_the_gil():
    """While a long call runs, this thread counts on."""
    problem = random_problem(16, 64, 1, False, lengths=(3_000,))
    queries, cache = problem.queries.astype(numpy.float16), problem.cache.astype(numpy.float16)
    plan = planned(latent_attention.Engine(threads=1, instruction_set="portable"), problem, 16)
    started, ended = threading.Event(), threading.Event()

    def work():
        started.set()
        plan.run(*parts(queries), *parts(cache))
        ended.set()

    thread = threading.Thread(target=work)
    thread.start()
    started.wait()
    counted = 0
    while not ended.is_set():
        counted += 1
    thread.join()
    # With the GIL held, this thread would get to run before the call and after it only.
    assert counted > 1000


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
    """In a folder without the source tree, with what is installed."""
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
