import numpy
import pytest

from conftest import random_problem

torch = pytest.importorskip("torch")

import latent_attention  # noqa: E402
from latent_attention import torch_ops  # noqa: E402


@pytest.fixture
def case():
    problem = random_problem(4, 16, 1, False)
    lists = (problem.query_offsets, problem.page_offsets, problem.page_indices, problem.key_lengths)
    plan = latent_attention.Engine(threads=2).plan(
        latent_attention.Geometry(4, problem.scale), *[numpy.array(values, numpy.int32) for values in lists], 16
    )
    queries, cache = torch.from_numpy(problem.queries), torch.from_numpy(problem.cache)
    return plan, (queries[..., :512], queries[..., 512:], cache[..., :512], cache[..., 512:])


def test_operator_is_sound(case):
    plan, tensors = case
    torch.library.opcheck(torch_ops.attend, (torch_ops.register(plan), *tensors), test_utils=("test_schema", "test_faketensor"))


def test_compiled_graph_keeps_one_node(case):
    plan, tensors = case
    handle = torch_ops.register(plan)

    def layer(q_nope, q_pe, ckv, kpe):
        out, lse = torch_ops.attend(handle, q_nope * 2, q_pe * 2, ckv, kpe)
        return out + 1, lse

    graphs = []

    def keep(graph, _):
        graphs.append(graph)
        return graph.forward

    compiled = torch.compile(layer, backend=keep, fullgraph=True)
    for found, expected in zip(compiled(*tensors), layer(*tensors)):
        assert torch.equal(found, expected)
    names = [str(node.target) for graph in graphs for node in graph.graph.nodes]
    assert len(graphs) == 1 and sum("attend" in name for name in names) == 1


def test_without_rope():
    problem = random_problem(4, 16, 1, False, key_width=512)
    lists = (problem.query_offsets, problem.page_offsets, problem.page_indices, problem.key_lengths)
    plan = latent_attention.Engine(threads=2).plan(
        latent_attention.Geometry(4, problem.scale, rope_width=0), *[numpy.array(values, numpy.int32) for values in lists], 16
    )
    queries, cache = torch.from_numpy(problem.queries), torch.from_numpy(problem.cache)
    out, lse = torch_ops.attend(torch_ops.register(plan), queries, queries[..., 512:], cache, cache[..., 512:])
    expected_out, expected_lse = problem.expected(problem.queries.astype(float), problem.cache.astype(float))
    numpy.testing.assert_allclose(out.numpy(), expected_out, rtol=1e-4, atol=1e-5)
    numpy.testing.assert_allclose(lse.numpy(), expected_lse, rtol=1e-5, atol=1e-5)


def test_dead_plan_is_named(case):
    plan, tensors = case
    with pytest.raises(ValueError, match="is no handle of a plan that lives"):
        torch_ops.attend(1, *tensors)
