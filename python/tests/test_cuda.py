"""On a GPU: the core and the FlashInfer wrapper over torch CUDA tensors, against torch in float64. Skipped without one."""

import pytest

import latent_attention
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
    with pytest.raises(latent_attention.InvalidArgument, match="query_latent is on cpu: must be on cuda:0"):
        wrapper.run(query.cpu(), *others)
    with pytest.raises(latent_attention.InvalidArgument, match="use_cuda_graph"):
        BatchMLAPagedAttentionWrapper(torch.empty(1, device="cuda"), use_cuda_graph=True)
