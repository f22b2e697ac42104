"""OpenNMT-py's Transformer, written out once more: one sentence at a time.

After the equations of `onmt.encoders.transformer` and `onmt.decoders.transformer`, under their
names and with their settings; Eole's are the same but for names and learned positions.
"""

import functools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
    "gated-gelu": functional.gelu,
}

EMBEDDING = "{}.embeddings.make_embedding.emb_luts.0.weight"
TABLE = "{}.embeddings.make_embedding.pe.pe"
LAYERS = {"encoder": "encoder.transformer", "decoder": "decoder.transformer_layers"}


@functools.cache
def sinusoids(kind: str, places: int, dim: int) -> Tensor:
    """Of the first places, (places, dim), in one of two orders of columns."""
    table = torch.zeros(places, dim)
    half = dim // 2
    is_interleaved = kind == "SinusoidalInterleaved"
    for place in range(places):
        for i in range(half):
            power = i / half if is_interleaved else i / (half - 1)
            angle = place / 10000**power
            sine, cosine = (2 * i, 2 * i + 1) if is_interleaved else (i, half + i)
            table[place, sine], table[place, cosine] = math.sin(angle), math.cos(angle)
    return table


@dataclass
class PlainOpenNMT:
    """A model of OpenNMT-py's settings and tensors."""

    opt: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    def logits(self, source_ids: list[int], target_ids: list[int]) -> Tensor:
        """Of what comes after each target token, (target, vocab)."""
        memory = self._stack("encoder", source_ids, None)
        last = self._stack("decoder", target_ids, memory)
        return self._linear("generator", last)

    def _stack(self, side: str, ids: list[int], memory: Tensor | None) -> Tensor:
        x = self._embedded(side, ids)
        mask = None if memory is None else torch.full((len(ids), len(ids)), -math.inf).triu(1)
        for index in range(self.opt[f"{side[:3]}_layers"]):
            layer = f"{LAYERS[side]}.{index}"
            norm = "layer_norm" if memory is None else "layer_norm_1"
            x = x + self._attention(f"{layer}.self_attn", self._norm(f"{layer}.{norm}", x), mask)
            if memory is not None:
                query = self._norm(f"{layer}.layer_norm_2", x)
                x = x + self._attention(f"{layer}.context_attn", query, None, memory)
            x = x + self._feed_forward(f"{layer}.feed_forward", x)
        return self._norm(f"{side}.layer_norm", x)

    def _embedded(self, side: str, ids: list[int]) -> Tensor:
        x = self.tensors[EMBEDDING.format(side)][ids]
        if self.opt["position_encoding_type"] == "Learned":
            return x + self.tensors[TABLE.format(side)][: len(ids)]
        table = sinusoids(self.opt["position_encoding_type"], len(ids), x.shape[1])
        return x * math.sqrt(x.shape[1]) + table

    def _attention(
        self, name: str, x: Tensor, mask: Tensor | None, memory: Tensor | None = None
    ) -> Tensor:
        read = x if memory is None else memory
        is_encoder = name.startswith("encoder")
        heads = self.opt.get("enc_heads" if is_encoder else "dec_heads", self.opt["heads"])

        def split(part: str, rows: Tensor) -> Tensor:
            made = self._linear(f"{name}.{part}", rows)
            return made.reshape(len(rows), heads, -1).transpose(0, 1)

        query, key = split("linear_query", x), split("linear_keys", read)
        scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[2])
        scores = scores if mask is None else scores + mask
        mixed = (scores.softmax(dim=2) @ split("linear_values", read)).transpose(0, 1).flatten(1)
        return self._linear(f"{name}.final_linear", mixed)

    def _feed_forward(self, name: str, x: Tensor) -> Tensor:
        normed = self._norm(f"{name}.layer_norm", x)
        hidden = ACTIVATIONS[self.opt["pos_ffn_activation_fn"]](self._linear(f"{name}.w_1", normed))
        if f"{name}.w_3.weight" in self.tensors:
            hidden = hidden * self._linear(f"{name}.w_3", normed)
        return self._linear(f"{name}.w_2", hidden)

    def _linear(self, name: str, x: Tensor) -> Tensor:
        made = x @ self.tensors[f"{name}.weight"].T
        bias = self.tensors.get(f"{name}.bias")
        return made if bias is None else made + bias

    def _norm(self, name: str, x: Tensor) -> Tensor:
        weight, epsilon = self.tensors[f"{name}.weight"], float(self.opt["norm_eps"])
        if self.opt["layer_norm"] == "rms":
            return x * weight / (x.square().mean(dim=1, keepdim=True) + epsilon).sqrt()
        return functional.layer_norm(x, x.shape[-1:], weight, self.tensors[f"{name}.bias"], epsilon)
