"""A decode step as FlashMLA's users write it; only the import differs, and the tensors are in host memory."""

import numpy

from latent_attention.flash_mla import flash_mla_with_kvcache, get_mla_metadata

heads, block_size = 16, 64
rng = numpy.random.default_rng(1)
k_cache = rng.standard_normal((4, block_size, 1, 576)).astype(numpy.float16)
# What stands in a table past a request's last block is never read.
block_table = numpy.array([[2, 0], [3, -1]], numpy.int32)
cache_seqlens = numpy.array([100, 5], numpy.int32)

metadata, num_splits = get_mla_metadata(cache_seqlens, heads, 1)
for layer in range(2):
    q = rng.standard_normal((2, 1, heads, 576)).astype(numpy.float16)
    out, lse = flash_mla_with_kvcache(
        q, k_cache, block_table, cache_seqlens, 512, metadata, num_splits, softmax_scale=192**-0.5, causal=True
    )
    print(f"layer {layer}: out {out.shape} {out.dtype}, lse[1, 0, 0] = {lse[1, 0, 0]:.4f}")
    scores = 192**-0.5 * (k_cache[3, :5, 0].astype(float) @ q[1, 0, 0])
    numpy.testing.assert_allclose(lse[1, 0, 0], numpy.log(numpy.exp(scores).sum()), rtol=1e-3)
