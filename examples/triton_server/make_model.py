"""Greedy translation as one TorchScript module, for Triton's PyTorch backend.

    python make_model.py bundles/en-de model_repository/translate/1/model.pt

Made of a bundle of `dragoman export --format torchscript`, with nothing but PyTorch. The loop over
target tokens is inside: the decoder updates its caches in place, and what a request brings is gone
when it is answered, so that as a model of its own the decoder would forget each step. To be
copied: nothing here is of Dragoman.
"""

import argparse
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

ROOM = 32
"""Target tokens that caches have room for at first; each time they are full it doubles."""


class Step(nn.Module):
    """The decoder with its caches in two tensors, as TorchScript counts what it hands on."""

    def __init__(self, decoder: Callable[..., Tensor], layers: int, own: int) -> None:
        """Takes the loaded graph, its layers, and how many caches of its own each of them has."""
        super().__init__()
        self.decoder = decoder
        self.layers = layers
        self.own = own

    def forward(  # noqa: PLR0917 - graphs have their inputs by place
        self,
        token_ids: Tensor,
        positions: Tensor,
        target_mask: Tensor,
        source_mask: Tensor,
        own: Tensor,
        cross: Tensor,
    ) -> Tensor:
        """Logits, (rows, vocab); `own` is updated in place."""
        caches: list[Tensor] = []
        for layer in range(self.layers):
            caches += own[self.own * layer : self.own * (layer + 1)].unbind(0)
            caches += [cross[2 * layer], cross[2 * layer + 1]]
        return self.decoder(token_ids, positions, target_mask, source_mask, *caches)


class Greedy(nn.Module):
    """Token ids of sentences -> token ids of their translations."""

    def __init__(
        self, manifest: dict[str, Any], encoder: nn.Module, step: nn.Module, begins: int
    ) -> None:
        """Holds both graphs and all that the manifest tells of the loop."""
        super().__init__()
        self.encoder = encoder
        self.step = step
        special, inputs = manifest["special_tokens"], manifest["decoder"]["inputs"][4:]
        self.start_id: int = special["decoder_start_id"]
        self.end_id: int = special["end_id"]
        self.begins: int = begins
        self.limit: int = manifest["decoding_defaults"]["max_decoding_length"]
        self.room: int = ROOM
        sizes = manifest["architecture"]
        self.longest: int = sizes["max_positions"]
        self.tokens: int = sizes["source_vocabulary_size"] or sizes["vocabulary_size"]
        # Of a decoder with a recurrent state: its size; else 0.
        self.state = int(inputs[0]["shape"][1]) if "state" in inputs[0]["name"] else 0

    def forward(self, token_ids: Tensor, lengths: Tensor) -> Tensor:
        """The likeliest token after the likeliest token.

        Args:
            token_ids: (tokens,) int64, sentence after sentence, each with what ends it.
            lengths: (rows,), tokens of each.

        Returns:
            (rows, tokens) int64: each row up to its end token, and that again to the last place.
        """
        rows, device = lengths.shape[0], token_ids.device
        # On a GPU an index that is out of range leaves the process of no use to anybody.
        if int(lengths.min()) < 1 or int(lengths.max()) > self.longest:
            raise ValueError(f"tokens of a sentence: 1 to {self.longest}")
        if int(token_ids.min()) < 0 or int(token_ids.max()) >= self.tokens:
            raise ValueError(f"token ids: 0 to {self.tokens - 1}")
        source_mask = torch.arange(int(lengths.max()), device=device) < lengths.to(device)[:, None]
        padded = torch.zeros(source_mask.shape, dtype=torch.int64, device=device)
        padded[source_mask] = token_ids
        cross = self.encoder(padded, source_mask)
        if self.state > 0:
            own = torch.zeros((cross.shape[0] // 2, rows, self.state), device=device)
        else:
            shape = (cross.shape[0], rows, cross.shape[2], self.room, cross.shape[4])
            own = cross.new_zeros(shape)
        places = torch.arange(self.room, device=device)
        last = torch.full((rows,), self.start_id, dtype=torch.int64, device=device)
        said = torch.full((rows, self.limit), self.end_id, dtype=torch.int64, device=device)
        ended = torch.zeros_like(last, dtype=torch.bool)
        told = 1 if self.begins >= 0 else 0
        count = 0
        for position in range(told + self.limit):
            if position == places.shape[0]:  # the caches are full
                places = torch.arange(2 * position, device=device)
                if self.state == 0:
                    own = functional.pad(own, [0, 0, 0, position])
            target_mask = (places <= position).expand(rows, -1)
            positions = torch.full_like(last, position)
            logits = self.step(last, positions, target_mask, source_mask, own, cross)
            if position < told:
                last = torch.full_like(last, self.begins)
                continue
            last = logits.argmax(dim=1).masked_fill(ended, self.end_id)
            said[:, count] = last
            count += 1
            ended = ended.logical_or(last == self.end_id)
            if bool(ended.all()):
                break
        return said[:, :count]


def make_model(bundle: Path, begins: int) -> torch.jit.ScriptModule:
    """Puts both graphs of a bundle into one.

    Raises:
        SystemExit: The bundle's graphs are no TorchScript.
    """
    manifest = json.loads((bundle / "bundle.json").read_text(encoding="utf-8"))
    if (made := manifest.get("format") or "onnx") != "torchscript":
        raise SystemExit(f"{bundle} has graphs of format {made}; allowed: torchscript")
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore", DeprecationWarning)  # of TorchScript as a whole
        encoder, decoder = (
            torch.jit.load(bundle / manifest[name]["path"])  # type: ignore[no-untyped-call]
            for name in ("encoder", "decoder")
        )
        ones = torch.ones((2, 3), dtype=torch.int64)
        mask = torch.ones((2, 3), dtype=torch.bool)
        cross = encoder(ones, mask)
        layers = len(cross) // 2
        each = (len(manifest["decoder"]["inputs"]) - 4) // layers - 2
        size = manifest["decoder"]["inputs"][4]["shape"][1]
        own = torch.zeros((layers, 2, int(size))) if each == 1 else cross.clone()
        example = (ones[:, 0], ones[:, 0], mask, mask, own, cross)
        step = torch.jit.trace(Step(decoder, layers, each), example, check_trace=False)  # type: ignore[no-untyped-call]
        made_one: torch.jit.ScriptModule = torch.jit.script(Greedy(manifest, encoder, step, begins))
        return made_one


def main() -> None:
    """Writes the model."""
    parser = argparse.ArgumentParser(description="Makes a model for Triton's PyTorch backend.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("model", type=Path, help="the file to write")
    parser.add_argument(
        "--begins", type=int, default=-1, help="the token that translations begin with, if any"
    )
    given = parser.parse_args()
    given.model.parent.mkdir(parents=True, exist_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        make_model(given.bundle, given.begins).save(str(given.model))


if __name__ == "__main__":
    main()
