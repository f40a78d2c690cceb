"""FlashInfer's MLA interface over this engine: change the import, and keep the calls.

Arguments, defaults, dtypes, strictness and messages are FlashInfer's. Tensors are torch's or numpy's, in host memory or, for
torch's, on a GPU. What differs is in ``docs/migration.md``.
"""

from ._cache import append_paged_mla_kv_cache, get_batch_indices_positions, get_seq_lens
from ._merge import merge_state, merge_state_in_place, merge_states
from ._wrapper import BatchMLAPagedAttentionWrapper

__all__ = [
    "BatchMLAPagedAttentionWrapper", "append_paged_mla_kv_cache", "get_batch_indices_positions", "get_seq_lens",
    "merge_state", "merge_state_in_place", "merge_states",
]
