"""Attention as a torch operator, so that ``torch.compile`` keeps it as one node of its graph. Needs torch.

The operator takes tensors only: the plan is named by a handle, which ``register`` gives.

    plan = engine.plan(...)
    out, lse = torch_ops.attend(torch_ops.register(plan), q_nope, q_pe, ckv, kpe)
"""

from __future__ import annotations

import weakref

import torch

from ._plan import Plan
from .errors import InvalidArgument

_plans: weakref.WeakValueDictionary[int, Plan] = weakref.WeakValueDictionary()


def register(plan: Plan) -> int:
    """The handle of a plan; it is good as long as the plan lives."""
    if not isinstance(plan, Plan):
        raise InvalidArgument(f"plan is of type {type(plan).__name__}: must be a Plan")
    handle = id(plan)
    _plans[handle] = plan
    return handle


@torch.library.custom_op("latent_attention::attend", mutates_args=())
def attend(
    plan: int, query_latent: torch.Tensor, query_rope: torch.Tensor, cache_latent: torch.Tensor, cache_rope: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Outputs ``[token, head, latent width]`` and natural LSEs ``[token, head]``; rope parts may be of width 0."""
    found = _plans.get(plan)
    if found is None:
        raise InvalidArgument(f"plan = {plan}: is no handle of a plan that lives")
    has_rope = found.geometry.rope_width > 0
    out, lse = found.run(
        query_latent, query_rope if has_rope else None, cache_latent, cache_rope if has_rope else None, return_lse=True
    )
    return out, lse


@attend.register_fake
def _(
    plan: int, query_latent: torch.Tensor, query_rope: torch.Tensor, cache_latent: torch.Tensor, cache_rope: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    del plan, query_rope, cache_latent, cache_rope
    return query_latent.new_empty(query_latent.shape), query_latent.new_empty(query_latent.shape[:2], dtype=torch.float32)
