"""DeepSeek-V3's attention layer, with its decode step replaced: absorbed projections around this engine.

Takes the layer of Hugging Face transformers with small random weights, decodes token by token with both, and prints the
largest difference. Needs torch and transformers.
"""

from typing import Any

import numpy
import torch
from transformers import DeepseekV3Config
from transformers.models.deepseek_v3 import modeling_deepseek_v3 as model

import latent_attention

TOKENS, PAGE_SIZE = 40, 16

# Of types of its own transformers and torch do not say all.
rotated: Any = model.apply_rotary_pos_emb_interleave


def small_layer() -> tuple[DeepseekV3Config, model.DeepseekV3Attention, model.DeepseekV3RotaryEmbedding]:
    config = DeepseekV3Config(
        hidden_size=256, num_attention_heads=8, num_key_value_heads=8, q_lora_rank=96, kv_lora_rank=128, qk_nope_head_dim=32,
        qk_rope_head_dim=16, v_head_dim=32, max_position_embeddings=128, num_hidden_layers=1,
    )
    config._attn_implementation = "eager"
    torch.manual_seed(7)
    layer = model.DeepseekV3Attention(config, layer_idx=0).eval()
    for weight in layer.parameters():
        torch.nn.init.normal_(weight, std=0.06)
    return config, layer, model.DeepseekV3RotaryEmbedding(config)


class AbsorbedDecoding:
    """The layer's decode step over a paged latent cache.

    A head's key is `W_K c`, so that its score is `(W_K^T q) . c`: the up-projection of keys goes into the query once, and that
    of values into the output.
    """

    def __init__(self, config: DeepseekV3Config, layer: Any, page_count: int) -> None:
        self.config, self.layer = config, layer
        up = layer.kv_b_proj.weight.view(config.num_attention_heads, -1, config.kv_lora_rank)
        self.key_up, self.value_up = up[:, : config.qk_nope_head_dim], up[:, config.qk_nope_head_dim :]
        self.cache = torch.full((page_count, PAGE_SIZE, config.kv_lora_rank + config.qk_rope_head_dim), float("nan"))
        self.pages = torch.randperm(page_count).int()
        self.engine = latent_attention.Engine()
        self.geometry = latent_attention.Geometry(
            config.num_attention_heads, layer.scaling, config.kv_lora_rank, config.qk_rope_head_dim
        )

    def step(self, hidden: torch.Tensor, cos_sin: tuple[torch.Tensor, torch.Tensor], position: int) -> torch.Tensor:
        """One token, `[hidden size]`, at a position."""
        config, layer = self.config, self.layer
        query = layer.q_b_proj(layer.q_a_layernorm(layer.q_a_proj(hidden)))
        query = query.view(1, config.num_attention_heads, 1, -1)
        query_plain, query_rope = query.split([config.qk_nope_head_dim, config.qk_rope_head_dim], dim=-1)
        latent, key_rope = layer.kv_a_proj_with_mqa(hidden).split([config.kv_lora_rank, config.qk_rope_head_dim])
        query_rope, key_rope = rotated(query_rope, key_rope.view(1, 1, 1, -1), *cos_sin)
        query_latent = torch.einsum("hd,hdc->hc", query_plain[0, :, 0], self.key_up)

        rank = config.kv_lora_rank
        here = torch.tensor([position], dtype=torch.int32)
        offsets = torch.tensor([0, len(self.pages)], dtype=torch.int32)
        latent_attention.append(
            layer.kv_a_layernorm(latent)[None], key_rope.view(1, -1), torch.zeros(1, dtype=torch.int32), here,
            self.cache[..., :rank], self.cache[..., rank:], self.pages, offsets,
        )
        plan = self.engine.plan(
            self.geometry, torch.tensor([0, 1], dtype=torch.int32), offsets, self.pages, here + 1, PAGE_SIZE, causal=True
        )
        out = plan.run(query_latent[None], query_rope[:, :, 0], self.cache[..., :rank], self.cache[..., rank:])
        values = torch.einsum("hc,hvc->hv", out[0], self.value_up)
        result: torch.Tensor = layer.o_proj(values.reshape(-1))
        return result


@torch.no_grad()
def main() -> None:
    config, layer, rotary = small_layer()
    hidden = torch.randn(1, TOKENS, config.hidden_size)
    positions = torch.arange(TOKENS)[None]
    cos, sin = rotary(hidden, positions)
    mask = torch.full((TOKENS, TOKENS), float("-inf")).triu(1)[None, None]
    expected = layer(hidden, (cos, sin), mask)[0][0]

    decoding = AbsorbedDecoding(config, layer, page_count=-(-TOKENS // PAGE_SIZE))
    worst = 0.0
    for token in range(TOKENS):
        cos_sin = cos[:, token : token + 1], sin[:, token : token + 1]
        found = decoding.step(hidden[0, token], cos_sin, token)
        worst = max(worst, (found - expected[token]).abs().max().item())
    scale = expected.abs().max().item()
    print(f"{TOKENS} tokens: largest difference {worst:.2e}, of outputs up to {scale:.2f}")
    numpy.testing.assert_array_less(worst, 1e-4 * scale)


if __name__ == "__main__":
    main()
