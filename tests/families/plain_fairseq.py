"""fairseq's Transformer, written out once more: one sentence at a time.

After the equations of `fairseq.models.transformer`.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from tests.families import plain_search
from tests.families.plain_search import Found, Tokens

PAD_ID, END_ID = 1, 2

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "gelu": functional.gelu,
}


@dataclass
class PlainFairseq:
    """A model of fairseq's settings and tensors, under fairseq's names."""

    args: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    def logits(self, source_ids: list[int], target_ids: list[int]) -> Tensor:
        """Of what comes after each target token, (target, vocab)."""
        return self.next_logits(self.memory(source_ids), target_ids)

    def memory(self, source_ids: list[int]) -> Tensor:
        """What the encoder makes of a source, (source, dim)."""
        return self._stack("encoder", source_ids, None)

    def next_logits(self, memory: Tensor, target_ids: list[int]) -> Tensor:
        """As `logits`."""
        last = self._stack("decoder", target_ids, memory)
        tied = self.tensors["decoder.embed_tokens.weight"]
        return last @ self.tensors.get("decoder.output_projection.weight", tied).T

    def _stack(self, side: str, ids: list[int], memory: Tensor | None) -> Tensor:
        x = self._embedded(side, ids)
        mask = torch.full((len(ids), len(ids)), -math.inf).triu(1) if memory is not None else None
        for index in range(self.args[f"{side}_layers"]):
            layer = f"{side}.layers.{index}"
            attention = f"{layer}.self_attn"
            x = self._around(f"{attention}_layer_norm", x, self._attention, attention, None, mask)
            if memory is not None:
                cross = f"{layer}.encoder_attn"
                x = self._around(f"{cross}_layer_norm", x, self._attention, cross, memory, None)
            x = self._around(f"{layer}.final_layer_norm", x, self._feed_forward, layer)
        if self.args[f"{side}_normalize_before"]:
            x = self._norm(f"{side}.layer_norm", x)
        return x

    def _embedded(self, side: str, ids: list[int]) -> Tensor:
        x = self.tensors[f"{side}.embed_tokens.weight"][ids]
        if not self.args["no_scale_embedding"]:
            x = x * math.sqrt(x.shape[1])
        places = [PAD_ID + 1 + place for place in range(len(ids))]
        if self.args[f"{side}_learned_pos"]:
            x = x + self.tensors[f"{side}.embed_positions.weight"][places]
        else:
            half = x.shape[1] // 2
            rates = [math.exp(-math.log(10000) / (half - 1) * i) for i in range(half)]
            angles = torch.tensor([[place * rate for rate in rates] for place in places])
            x = x + torch.cat([angles.sin(), angles.cos()], dim=1)
        return (
            self._norm(f"{side}.layernorm_embedding", x) if self.args["layernorm_embedding"] else x
        )

    def _around(
        self, norm: str, x: Tensor, sublayer: Callable[..., Tensor], name: str, *rest: Any
    ) -> Tensor:
        if self.args["encoder_normalize_before"]:
            return x + sublayer(name, self._norm(norm, x), *rest)
        return self._norm(norm, x + sublayer(name, x, *rest))

    def _attention(
        self, name: str, x: Tensor, memory: Tensor | None, mask: Tensor | None
    ) -> Tensor:
        heads = self.args[f"{name.partition('.')[0]}_attention_heads"]
        read = x if memory is None else memory

        def split(part: str, rows: Tensor) -> Tensor:
            made = self._linear(f"{name}.{part}", rows)
            return made.reshape(len(rows), heads, -1).transpose(0, 1)

        query, key, value = split("q_proj", x), split("k_proj", read), split("v_proj", read)
        scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[2])
        scores = scores if mask is None else scores + mask
        mixed = (scores.softmax(dim=2) @ value).transpose(0, 1).flatten(1)
        return self._linear(f"{name}.out_proj", mixed)

    def _feed_forward(self, name: str, x: Tensor) -> Tensor:
        hidden = ACTIVATIONS[self.args["activation_fn"]](self._linear(f"{name}.fc1", x))
        return self._linear(f"{name}.fc2", hidden)

    def _linear(self, name: str, x: Tensor) -> Tensor:
        return x @ self.tensors[f"{name}.weight"].T + self.tensors[f"{name}.bias"]

    def _norm(self, name: str, x: Tensor) -> Tensor:
        weight, bias = self.tensors[f"{name}.weight"], self.tensors[f"{name}.bias"]
        return functional.layer_norm(x, x.shape[-1:], weight, bias)


def search(
    model: PlainFairseq,
    source_ids: list[int],
    beam_size: int,
    limit: int,
    begin: Sequence[int] = (END_ID,),
) -> Found:
    """As plain_search.search."""
    memory = model.memory(source_ids)
    return plain_search.search(
        lambda ids: model.next_logits(memory, ids)[-1],
        Tokens(begin, END_ID, (PAD_ID,)),
        beam_size,
        limit,
    )
