"""FlashMLA's interface over this engine: change the import, and keep the calls.

Arguments, defaults, shapes and messages are FlashMLA's; LSEs are natural logarithms, and plus infinity for rows that see no
key. Tensors are torch's or numpy's, in host memory or, for torch's and dense attention, on a GPU. What differs is in
``docs/migration.md``.
"""

from ._decode import flash_mla_with_kvcache
from ._metadata import FlashMLASchedMeta, get_mla_metadata
from ._sparse import flash_mla_sparse_fwd

__all__ = ["FlashMLASchedMeta", "flash_mla_sparse_fwd", "flash_mla_with_kvcache", "get_mla_metadata"]
