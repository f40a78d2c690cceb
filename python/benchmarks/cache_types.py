"""Prints the speed of 8-bit caches over bf16: one request, one query token, one thread, by the thread's own time.

A thread's time leaves out what other processes take; calls of the types take turns, and medians are compared.
"""

import argparse
import statistics
import time

import ml_dtypes
import numpy

from latent_attention import Engine, Geometry, _tensors
from latent_attention._plan import Options
from latent_attention.flash_mla._sparse import tokens_of


def random_bytes(rng, *shape):
    """Bytes whose codes, and whose bf16 where two are one, are numbers below 2."""
    return rng.integers(0, 256, shape, dtype=numpy.uint8) & 0xBF


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--heads", type=int, default=16)
    parser.add_argument("--kv", type=int, default=65536)
    parser.add_argument("--page-size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=12)
    options = parser.parse_args()

    rng = numpy.random.default_rng(1)
    pages = -(-options.kv // options.page_size)
    lists = [numpy.array(values, numpy.int32) for values in ([0, 1], [0, pages])]
    plan = Engine(threads=1).plan(
        Geometry(options.heads, 192**-0.5), *lists, rng.permutation(pages).astype(numpy.int32),
        numpy.array([options.kv], numpy.int32), options.page_size,
    )
    queries = rng.standard_normal((1, options.heads, 576)).astype(ml_dtypes.bfloat16)
    out = numpy.empty((1, options.heads, 512), ml_dtypes.bfloat16)
    size = (pages, options.page_size)
    plain = random_bytes(rng, *size, 1152).view(ml_dtypes.bfloat16)
    codes = random_bytes(rng, *size, 576).view(ml_dtypes.float8_e4m3fn)
    kept = random_bytes(rng, *size, 1, 656)
    kept[..., 512:528] = rng.uniform(0.5, 1, (*size, 1, 4)).astype(numpy.float32).view(numpy.uint8)
    tokens = tokens_of(kept, 576, "tokens")
    one_scale = Options(latent_scale=0.5, rope_scale=0.5)
    scales = Options(scales=tokens.scales, group_width=tokens.group_width)
    rank3 = _tensors.rank3
    parts = rank3(queries[..., :512], "queries"), rank3(queries[..., 512:], "queries")
    written = rank3(out, "out"), _tensors.MISSING, False
    wide, narrow = ([rank3(cache[..., half], "cache") for half in (slice(512), slice(512, 576))] for cache in (plain, codes))
    calls = {
        "bf16": lambda: plan.write(*parts, *wide, *written),
        "fp8, one scale": lambda: plan.write(*parts, *narrow, *written, one_scale),
        "656-byte tokens": lambda: plan.write(*parts, tokens.codes, tokens.rope, *written, scales),
    }
    times = {name: [] for name in calls}
    for _ in range(options.rounds):
        for name, call in calls.items():
            start = time.thread_time_ns()
            call()
            times[name].append((time.thread_time_ns() - start) / options.kv)
    base = statistics.median(times["bf16"])
    print(f"{options.heads} heads, kv {options.kv}, pages of {options.page_size} tokens, one thread")
    for name, found in times.items():
        median = statistics.median(found)
        print(f"{name}: {median:.1f} ns per key, {base / median:.3f} of the speed of bf16")


if __name__ == "__main__":
    main()
