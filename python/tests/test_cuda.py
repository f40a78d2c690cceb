"""On a GPU: FlashInfer's wrapper and FlashMLA's decoding over torch CUDA tensors, against torch in float64. Skipped without
one."""

import pytest

import latent_attention
from latent_attention import flash_mla
from latent_attention.flashinfer import BatchMLAPagedAttentionWrapper

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")

LENGTHS = [130, 17, 700]
SCALE = 0.0722


class Problem:
    """Requests of `LENGTHS` keys with `query_count` tokens each. Slots that nobody needs are NaN."""

    def __init__(self, heads, page_size, query_count, dtype):
        torch.manual_seed(heads * 1000 + page_size)
        counts = [-(-length // page_size) for length in LENGTHS]
        self.page_size, self.query_count, self.heads, self.dtype = page_size, query_count, heads, dtype
        self.offsets = [0, counts[0], counts[0] + counts[1], sum(counts)]
        self.pages = torch.randperm(self.offsets[3] + 3)[: self.offsets[3]].to(torch.int32)
        self.pool = torch.full((self.offsets[3] + 3, page_size, 576), float("nan"), device="cuda", dtype=dtype)
        self.keys = []
        for request, length in enumerate(LENGTHS):
            rows = torch.randn(length, 576, device="cuda").to(dtype)
            self.keys.append(rows)
            for position in range(0, length, page_size):
                page = int(self.pages[self.offsets[request] + position // page_size])
                part = rows[position : position + page_size]
                self.pool[page, : len(part)] = part
        self.queries = torch.randn(3 * query_count, heads, 576, device="cuda").to(dtype)

    def reference(self, causal):
        outputs, lses = [], []
        for index, query in enumerate(self.queries.double()):
            request, token = divmod(index, self.query_count)
            seen = LENGTHS[request] - self.query_count + token + 1 if causal else LENGTHS[request]
            keys = self.keys[request][: max(0, seen)].double()
            scores = query @ keys.T * SCALE
            outputs.append(torch.softmax(scores, -1) @ keys[:, :512])
            lses.append(torch.logsumexp(scores, -1) / torch.log(torch.tensor(2.0, dtype=torch.float64)))
        return torch.stack(outputs), torch.stack(lses)

    def planned(self, causal):
        wrapper = BatchMLAPagedAttentionWrapper(torch.empty(1, device="cuda"))
        lists = [
            torch.tensor(values, dtype=torch.int32, device="cuda")
            for values in ([self.query_count * i for i in range(4)], self.offsets, self.pages.tolist(), LENGTHS)
        ]
        wrapper.plan(*lists, self.heads, 512, 64, self.page_size, causal, SCALE, self.dtype, self.dtype)
        return wrapper

    def parts(self):
        return self.queries[..., :512], self.queries[..., 512:], self.pool[..., :512], self.pool[..., 512:]


@pytest.mark.parametrize("dtype, tolerance", [(torch.bfloat16, 2e-2), (torch.float16, 3e-3)])
@pytest.mark.parametrize("page_size", [1, 16, 64, 7])
@pytest.mark.parametrize("heads", [1, 3, 16, 20, 64, 96, 128])
def test_wrapper(heads, page_size, dtype, tolerance):
    for query_count in (1, 4, 17):
        problem = Problem(heads, page_size, query_count, dtype)
        for causal in (False, True):
            out, lse = problem.planned(causal).run(*problem.parts(), return_lse=True)
            expected, expected_lse = problem.reference(causal)
            assert out.is_cuda and (out.double() - expected).abs().max() < tolerance
            assert (lse.double() - expected_lse).abs().max() < 1e-3


def test_tensors_elsewhere_are_refused():
    problem = Problem(16, 64, 1, torch.bfloat16)
    wrapper = problem.planned(False)
    query, *others = problem.parts()
    with pytest.raises(latent_attention.InvalidArgument, match="q_nope is on cpu: must be on cuda:0"):
        wrapper.run(query.cpu(), *others)
    with pytest.raises(latent_attention.InvalidArgument, match="use_cuda_graph"):
        BatchMLAPagedAttentionWrapper(torch.empty(1, device="cuda"), use_cuda_graph=True)


def dense_reference(queries, cache, table, lengths, scale, causal):
    """Outputs and natural LSEs of FlashMLA's decoding in float64; an LSE is plus infinity where no key is seen."""
    batch, query_count, heads, _ = queries.shape
    out = torch.zeros(batch, query_count, heads, 512, dtype=torch.float64, device="cuda")
    lse = torch.full((batch, heads, query_count), float("inf"), dtype=torch.float64, device="cuda")
    group = heads // cache.shape[2]
    for request, length in enumerate(lengths.tolist()):
        blocks = table[request, : -(-length // 64)].long()
        keys = cache[blocks].double().reshape(-1, *cache.shape[2:])[:length]
        for token in range(query_count):
            seen = keys[: max(0, length - query_count + token + 1)] if causal else keys
            if len(seen):
                rows = seen.repeat_interleave(group, 1)
                scores = torch.einsum("hd,khd->hk", queries[request, token].double(), rows) * scale
                out[request, token] = torch.einsum("hk,khd->hd", torch.softmax(scores, -1), rows[..., :512])
                lse[request, :, token] = torch.logsumexp(scores, -1)
    return out, lse


@pytest.mark.parametrize("dtype, tolerance", [(torch.bfloat16, 2e-2), (torch.float16, 3e-3)])
@pytest.mark.parametrize("heads, kv_heads, width", [(16, 1, 576), (128, 1, 576), (6, 3, 576), (16, 1, 512)])
@pytest.mark.parametrize("causal", [False, True])
def test_flash_mla(causal, heads, kv_heads, width, dtype, tolerance):
    torch.manual_seed(heads)
    lengths = torch.tensor([130, 0, 700], dtype=torch.int32, device="cuda")
    table = torch.randperm(33, device="cuda", dtype=torch.int32).reshape(3, 11)
    cache = torch.randn(33, 64, kv_heads, width, device="cuda").to(dtype)
    for query_count in (1, 3):
        metadata, splits = flash_mla.get_mla_metadata(lengths, query_count * heads // kv_heads, kv_heads)
        queries = torch.randn(3, query_count, heads, width, device="cuda").to(dtype)
        # The second call has the first one's plan; the third, after a write to the table, must not.
        for call in range(3):
            if call == 2:
                table.copy_(table.flip(1))
            out, lse = flash_mla.flash_mla_with_kvcache(
                queries, cache, table, lengths, 512, metadata, splits, softmax_scale=SCALE, causal=causal
            )
            expected, expected_lse = dense_reference(queries, cache, table, lengths, SCALE, causal)
            assert out.is_cuda and lse.is_cuda and (out.double() - expected).abs().max() < tolerance
            assert torch.equal(lse.isposinf(), expected_lse.isposinf())
            assert (lse.double() - expected_lse)[~lse.isposinf()].abs().max() < 1e-3


def test_flash_mla_refuses():
    queries, cache = torch.zeros(1, 1, 4, 576, device="cuda").half(), torch.zeros(1, 64, 1, 576).half()
    lists = torch.zeros(1, 1, dtype=torch.int32), torch.ones(1, dtype=torch.int32)
    with pytest.raises(latent_attention.InvalidArgument, match="k_cache is on cpu: must be on cuda:0"):
        flash_mla.flash_mla_with_kvcache(queries, cache, *lists, 512, flash_mla.get_mla_metadata()[0])
