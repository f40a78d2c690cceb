"""One decode step of two requests over a paged cache, with numpy alone: plan once, run for each layer."""

import numpy

import latent_attention

heads, page_size = 16, 64
rng = numpy.random.default_rng(1)

# 100 tokens of request 0 go to the pages 2 and 0, 5 tokens of request 1 to page 3; a token is 512 latent and 64 rope numbers.
cache = numpy.zeros((4, page_size, 576), numpy.float16)
lengths, page_offsets, pages = (numpy.array(values, numpy.int32) for values in ([100, 5], [0, 2, 3], [2, 0, 3]))
tokens = rng.standard_normal((105, 576)).astype(numpy.float16)
requests = numpy.repeat(numpy.arange(2, dtype=numpy.int32), lengths)
positions = numpy.concatenate([numpy.arange(length, dtype=numpy.int32) for length in lengths])
latent_attention.append(
    tokens[:, :512], tokens[:, 512:], requests, positions, cache[..., :512], cache[..., 512:], pages, page_offsets
)

engine = latent_attention.Engine()
geometry = latent_attention.Geometry(head_count=heads, softmax_scale=192**-0.5)
plan = engine.plan(geometry, numpy.array([0, 1, 2], numpy.int32), page_offsets, pages, lengths, page_size, causal=True)

for layer in range(2):
    queries = rng.standard_normal((2, heads, 576)).astype(numpy.float16)
    out, lse = plan.run(queries[..., :512], queries[..., 512:], cache[..., :512], cache[..., 512:], return_lse=True)
    print(f"layer {layer}: out {out.shape} {out.dtype}, lse[0, 0] = {lse[0, 0]:.4f}")
