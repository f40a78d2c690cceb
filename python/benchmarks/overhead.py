"""Prints what Python adds to a call of the C library: `run` on a warmed plan, batch 1, kv 64.

Both are timed call by call in turn, so that a machine whose speed drifts drifts for both; what is printed is the difference
of the medians, and of the fastest calls.
"""

import statistics
import sys
import time

import numpy

import latent_attention
from latent_attention import _plan, _tensors, flashinfer

ROUNDS = 20_000
HEADS, KEYS = 16, 64


def timed(call):
    start = time.perf_counter_ns()
    call()
    return time.perf_counter_ns() - start


def main():
    torch = sys.modules["torch"] if "torch" in sys.modules else None
    make = (lambda *shape: torch.zeros(shape, dtype=torch.bfloat16)) if torch else (
        lambda *shape: numpy.zeros(shape, numpy.float16)
    )
    queries, cache, out = make(1, HEADS, 576), make(1, KEYS, 576), make(1, HEADS, 512)
    tensors = queries[..., :512], queries[..., 512:], cache[..., :512], cache[..., 512:]
    engine = latent_attention.Engine(threads=1)
    lists = [numpy.array(values, numpy.int32) for values in ([0, 1], [0, 1], [0], [KEYS])]
    plan = engine.plan(latent_attention.Geometry(HEADS, 192**-0.5), *lists, KEYS)
    wrapper = flashinfer.BatchMLAPagedAttentionWrapper(None)
    wrapper.plan(*lists, HEADS, 512, 64, KEYS, False, 192**-0.5, queries.dtype, cache.dtype)
    wrapper._plan = plan
    packed = _plan._pack_run(
        *[number for tensor in (*tensors, out) for number in _tensors.rank3(tensor, "")], *_tensors.MISSING, 0, 0
    )
    calls = {
        "C": lambda: _plan._run(*plan._handles, packed),
        "Plan.run": lambda: plan.run(*tensors, out),
        "flashinfer run": lambda: wrapper.run(*tensors, out),
        "flashinfer run, new out": lambda: wrapper.run(*tensors),
    }
    times = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            times[name].append(timed(call))
    print(f"tensors of {'torch' if torch else 'numpy'}; the C call takes {statistics.median(times['C']) / 1000:.1f} µs")
    for name in list(calls)[1:]:
        added = (statistics.median(times[name]) - statistics.median(times["C"])) / 1000
        fastest = (min(times[name]) - min(times["C"])) / 1000
        print(f"{name}: adds {added:.1f} µs (median), {fastest:.1f} µs (fastest)")


if __name__ == "__main__":
    if "--torch" in sys.argv:
        import torch  # noqa: F401
    main()
