"""A decode step as FlashInfer's users write it; only the import differs, and the tensors are in host memory."""

import numpy

from latent_attention import flashinfer

heads, page_size, lengths = 16, 64, numpy.array([100, 5], numpy.int32)
rng = numpy.random.default_rng(1)
ckv_cache, kpe_cache = (numpy.zeros((4, page_size, width), numpy.float16) for width in (512, 64))
kv_indptr, kv_indices = numpy.array([0, 2, 3], numpy.int32), numpy.array([2, 0, 3], numpy.int32)

# The tokens of both requests go into their pages.
append_indptr = numpy.array([0, 100, 105], numpy.int32)
requests, positions = flashinfer.get_batch_indices_positions(append_indptr, lengths, 105)
ckv, kpe = (rng.standard_normal((105, width)).astype(numpy.float16) for width in (512, 64))
flashinfer.append_paged_mla_kv_cache(
    ckv, kpe, requests, positions, ckv_cache, kpe_cache, kv_indices, kv_indptr, numpy.array([36, 5], numpy.int32)
)

wrapper = flashinfer.BatchMLAPagedAttentionWrapper(None, backend="auto")
wrapper.plan(
    numpy.array([0, 1, 2], numpy.int32), kv_indptr, kv_indices, lengths, heads, 512, 64, page_size, True, 192**-0.5,
    numpy.float16, numpy.float16,
)
q_nope, q_pe = (rng.standard_normal((2, heads, width)).astype(numpy.float16) for width in (512, 64))
out, lse = wrapper.run(q_nope, q_pe, ckv_cache, kpe_cache, return_lse=True)
print(f"out {out.shape} {out.dtype}, lse[0, 0] = {lse[0, 0]:.4f} to base 2")

scores = 192**-0.5 * (ckv[:100].astype(float) @ q_nope[0, 0] + kpe[:100].astype(float) @ q_pe[0, 0])
numpy.testing.assert_allclose(lse[0, 0], numpy.log2(numpy.exp(scores).sum()), rtol=1e-3)
