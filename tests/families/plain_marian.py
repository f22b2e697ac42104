"""Marian's Transformer written out once more: one sentence at a time, under Marian's names.

After the equations of marian-dev, `models/transformer.h`, `rnn/cells.h`, `layers/output.cpp`; norms
of keys and values of decoders with a norm first are those of its training.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

EPSILON = 1e-6

ACTIVATIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "swish": functional.silu,
    "gelu": lambda x: x * torch.sigmoid(1.702 * x),
}


@dataclass
class PlainMarian:
    """A model of Marian's settings and tensors."""

    settings: Mapping[str, Any]
    tensors: Mapping[str, Tensor]

    def logits(self, source_ids: list[int], said: list[int]) -> Tensor:
        """Of what comes after each of these target tokens and after nothing, (1 + said, vocab)."""
        return self.next_logits(self.memory(source_ids), said)

    def next_logits(self, memory: Tensor, said: list[int]) -> Tensor:
        """As logits, of what the encoder says."""
        targets = self._embedding("decoder")
        zeros = torch.zeros(1, targets.shape[1])
        last = self._decoded(torch.cat([zeros, targets[said]]), memory)
        weight = self.tensors.get("decoder_ff_logit_out_Wt", targets)
        if "decoder_ff_logit_out_W" in self.tensors:
            weight = self.tensors["decoder_ff_logit_out_W"].T
        return last @ weight.T + self.tensors.get("decoder_ff_logit_out_b", torch.zeros(1))

    def _embedding(self, side: str) -> Tensor:
        return self.tensors["Wemb" if "Wemb" in self.tensors else f"{side}_Wemb"]

    def memory(self, ids: list[int]) -> Tensor:
        """What the encoder says, (source, dim)."""
        x = self._placed("encoder", self._embedding("encoder")[ids])
        for number in range(1, self.settings["enc-depth"] + 1):
            x = self._attended(f"encoder_l{number}_self", x, None, None)
            x = self._fed(f"encoder_l{number}_ffn", x)
        return self._after("encoder_top", self._says("postprocess-top"), x, x)

    def _decoded(self, x: Tensor, memory: Tensor) -> Tensor:
        x = self._placed("decoder", x)
        mask = torch.full((len(x), len(x)), -math.inf).triu(1)
        depth = self.settings["dec-depth"]
        tied = self.settings.get("transformer-tied-layers") or range(1, depth + 1)
        for number in tied:
            layer = f"decoder_l{number}"
            if self.settings["transformer-decoder-autoreg"] == "rnn":
                x = self._recurred(f"{layer}_rnn", x)
            else:
                x = self._attended(f"{layer}_self", x, None, mask)
            x = self._attended(f"{layer}_context", x, memory, None)
            x = self._fed(f"{layer}_ffn", x)
        return self._after("decoder_top", self._says("postprocess-top"), x, x)

    def _placed(self, side: str, x: Tensor) -> Tensor:
        if self.settings["transformer-train-position-embeddings"]:
            x = x + self.tensors["Wpos"].reshape(-1, x.shape[1])[: len(x)]
        else:
            half = x.shape[1] // 2
            rates = [math.exp(-math.log(10000) / (half - 1) * i) for i in range(half)]
            angles = torch.tensor([[place * rate for rate in rates] for place in range(len(x))])
            x = math.sqrt(x.shape[1]) * x + torch.cat([angles.sin(), angles.cos()], dim=1)
        return self._before(f"{side}_emb", self._says("postprocess-emb"), x)

    def _says(self, name: str) -> str:
        return str(self.settings[f"transformer-{name}"])

    def _before(self, name: str, operations: str, x: Tensor) -> Tensor:
        for operation in operations.replace("d", ""):
            x = self._normed(name, operation, x, "_pre")
        return x

    def _after(self, name: str, operations: str, y: Tensor, x: Tensor) -> Tensor:
        for operation in operations.replace("d", ""):
            y = y + x if operation == "a" else self._normed(name, operation, y, "")
        return y

    def _normed(self, name: str, operation: str, x: Tensor, suffix: str) -> Tensor:
        if operation == "r":
            scale = self.tensors[f"{name}_rms_scale{suffix}"][0]
            return scale * x / (x.square().mean(dim=-1, keepdim=True) + EPSILON).sqrt()
        scale, bias = (self.tensors[f"{name}_ln_{part}{suffix}"][0] for part in ("scale", "bias"))
        return functional.layer_norm(x, x.shape[-1:], scale, bias, EPSILON)

    def _affine(self, x: Tensor, weight: str, bias: str) -> Tensor:
        return x @ self.tensors[weight] + self.tensors[bias]

    def _attended(self, name: str, x: Tensor, memory: Tensor | None, mask: Tensor | None) -> Tensor:
        heads = self.settings["transformer-heads"]
        asked = self._before(f"{name}_Wo", self._says("preprocess"), x)
        read = asked if memory is None else memory

        def split(part: str, rows: Tensor) -> Tensor:
            made = self._affine(rows, f"{name}_W{part}", f"{name}_b{part}")
            return made.reshape(len(rows), heads, -1).transpose(0, 1)

        query, key, value = split("q", asked), split("k", read), split("v", read)
        scores = query @ key.transpose(1, 2) / math.sqrt(query.shape[2])
        scores = scores if mask is None else scores + mask
        y = (scores.softmax(dim=2) @ value).transpose(0, 1).flatten(1)
        if not self.settings["transformer-no-projection"]:
            y = self._affine(y, f"{name}_Wo", f"{name}_bo")
        return self._after(f"{name}_Wo", self._says("postprocess"), y, x)

    def _recurred(self, name: str, x: Tensor) -> Tensor:
        read = self._before(name, self._says("preprocess"), x)
        candidates = read @ self.tensors[f"{name}_W"]
        kept = self._affine(read, f"{name}_Wf", f"{name}_bf").sigmoid()
        state, states = torch.zeros(x.shape[1]), []
        for candidate, keep in zip(candidates, kept, strict=True):
            state = keep * state + (1 - keep) * candidate
            states.append(state)
        y = torch.stack(states).relu()
        if self.settings["transformer-rnn-projection"]:
            y = self._affine(y, f"{name}_Wo", f"{name}_bo")
        return self._after(f"{name}_ffn", self._says("postprocess"), y, x)

    def _fed(self, name: str, x: Tensor) -> Tensor:
        read = self._before(f"{name}_ffn", self._says("preprocess"), x)
        activation = ACTIVATIONS[self.settings["transformer-ffn-activation"]]
        hidden = activation(self._affine(read, f"{name}_W1", f"{name}_b1"))
        y = self._affine(hidden, f"{name}_W2", f"{name}_b2")
        return self._after(f"{name}_ffn", self._says("postprocess"), y, x)
