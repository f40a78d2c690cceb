"""Tensors of every library that is there, and random problems with all that may be wrong in memory that is not theirs."""

import os

# The oracle's products are small: threads of numpy's would only wait for each other, and for the engine's.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import dataclasses
import importlib.util

import ml_dtypes
import numpy
import pytest

LIBRARIES = ["numpy"] + (["torch"] if importlib.util.find_spec("torch") else [])
TYPES = {"bfloat16": ml_dtypes.bfloat16, "float16": numpy.float16, "float32": numpy.float32,
         "float8_e4m3fn": ml_dtypes.float8_e4m3fn}
TOLERANCES = {"bfloat16": 1e-2, "float16": 1e-3, "float32": 1e-5}


class Tensors:
    """Makes and reads tensors of one library."""

    def __init__(self, library):
        self.library = library
        self.is_torch = library == "torch"
        if self.is_torch:
            import torch

            self.torch = torch

    def dtype(self, name):
        return getattr(self.torch, name) if self.is_torch else numpy.dtype(TYPES.get(name, name))

    def make(self, values, name="float32"):
        """A tensor of the values, rounded to the type."""
        values = numpy.ascontiguousarray(values)
        if self.is_torch:
            return self.torch.from_numpy(values.copy()).to(self.dtype(name))
        return values.astype(self.dtype(name))

    def indices(self, values):
        return self.make(numpy.asarray(values, numpy.int32), "int32")

    def double(self, tensor):
        """The exact values as a numpy array of doubles."""
        return tensor.double().numpy() if self.is_torch else tensor.astype(numpy.float64)


@pytest.fixture(params=LIBRARIES)
def tensors(request):
    return Tensors(request.param)


@dataclasses.dataclass
class Problem:
    """A ragged batch over a pool whose unused slots hold NaN and whose page lists end in garbage."""

    query_offsets: list
    page_offsets: list
    page_indices: list
    key_lengths: list
    page_size: int
    queries: numpy.ndarray
    cache: numpy.ndarray
    is_causal: bool
    scale: float

    def keys(self, request, cache):
        places = numpy.arange(self.key_lengths[request])
        pages = numpy.array(self.page_indices[self.page_offsets[request] :])[places // self.page_size]
        return cache[pages, places % self.page_size]

    def expected(self, queries, cache, value_width=512):
        """Outputs and natural LSEs in double precision, written plainly."""
        out = numpy.zeros((*queries.shape[:2], value_width))
        lse = numpy.full(queries.shape[:2], -numpy.inf)
        for request, length in enumerate(self.key_lengths):
            first, end = self.query_offsets[request : request + 2]
            keys = self.keys(request, cache)
            if first == end or length == 0:
                continue
            rows = queries[first:end]
            scores = self.scale * (rows.reshape(-1, rows.shape[-1]) @ keys.T).reshape(*rows.shape[:2], length)
            visible = length - (end - 1 - numpy.arange(first, end)) if self.is_causal else numpy.full(end - first, length)
            scores[numpy.arange(length) >= visible[:, None, None].repeat(rows.shape[1], 1)] = -numpy.inf
            sees = visible > 0
            top = scores[sees].max(axis=2, keepdims=True)
            weights = numpy.exp(scores[sees] - top)
            total = weights.sum(axis=2, keepdims=True)
            out[first:end][sees] = weights / total @ keys[:, :value_width]
            lse[first:end][sees] = (top + numpy.log(total))[..., 0]
        return out, lse


def random_problem(heads, page_size, query_count, is_causal, key_width=576, lengths=(37, 0, 150), seed=0, scale=192**-0.5):
    rng = numpy.random.default_rng(seed)
    page_counts = [-(-length // page_size) for length in lengths]
    pool = sum(page_counts) + 3
    order = rng.permutation(pool)
    cache = numpy.full((pool, page_size, key_width), numpy.nan, numpy.float32)
    page_offsets, page_indices = [0], []
    for length, count in zip(lengths, page_counts):
        pages = order[len([page for page in page_indices if page >= 0]) :][:count]
        places = numpy.arange(length)
        values = rng.standard_normal((length, key_width)).clip(-3, 3) / 3
        cache[pages[places // page_size], places % page_size] = values
        page_indices += [*pages.tolist(), -123_456_789]
        page_offsets.append(len(page_indices))
    tokens = query_count * len(lengths)
    queries = rng.standard_normal((tokens, heads, key_width)).astype(numpy.float32) / 2
    offsets = list(range(0, tokens + 1, query_count))
    return Problem(
        offsets, page_offsets, page_indices, list(lengths), page_size, queries, cache, is_causal, scale
    )
