"""How many multiply-adds a translation needs and how many weights a decoding step reads.

Counted is what the model asks for: every token once, no padding, no row after its end, no cache
copied. What a system does beyond that is its waste. Norms, activations and search are left out;
they are no matrix products.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self


@dataclass(frozen=True)
class Sizes:
    """Of an encoder-decoder Transformer (Vaswani et al. 2017)."""

    encoder_layers: int
    decoder_layers: int
    model_dim: int
    encoder_feed_forward: int
    decoder_feed_forward: int
    vocabulary: int

    @classmethod
    def read(cls, checkpoint: Path) -> Self:
        """Reads them from a Marian checkpoint; a bundle's manifest lacks the feed-forward's."""
        config = json.loads((checkpoint / "config.json").read_text("utf-8"))
        return cls(
            config["encoder_layers"],
            config["decoder_layers"],
            config["d_model"],
            config["encoder_ffn_dim"],
            config["decoder_ffn_dim"],
            config["vocab_size"],
        )

    @property
    def source_token(self) -> int:
        """Multiply-adds of a source token in linear layers.

        Its keys and values of every decoder layer are counted here: they are computed once.
        """
        square = self.model_dim**2
        encoder_layer = 4 * square + 2 * self.model_dim * self.encoder_feed_forward
        return self.encoder_layers * encoder_layer + self.decoder_layers * 2 * square

    @property
    def target_token(self) -> int:
        """Multiply-adds of a target token in linear layers, the vocabulary's included.

        Also the number of weights that a decoding step reads, however many rows it has.
        """
        square = self.model_dim**2
        layer = (4 + 2) * square + 2 * self.model_dim * self.decoder_feed_forward
        return self.decoder_layers * layer + self.model_dim * self.vocabulary

    def encoder(self, source: int) -> int:
        """Multiply-adds to encode `source` tokens."""
        attention = 2 * self.encoder_layers * self.model_dim * source**2
        return source * self.source_token + attention

    def decoder(self, source: int, target: int) -> int:
        """Multiply-adds to decode `target` tokens of one hypothesis."""
        looked_at = target * (target + 1) // 2 + target * source
        return target * self.target_token + 2 * self.decoder_layers * self.model_dim * looked_at


def multiply_adds(sizes: Sizes, lengths: Iterable[tuple[int, int]], beam_size: int) -> int:
    """Returns what translations of these lengths need.

    Args:
        sizes: The model's.
        lengths: Source and target tokens of each, end tokens counted.
        beam_size: Hypotheses, each as long as the one that won.
    """
    return sum(
        sizes.encoder(source) + beam_size * sizes.decoder(source, target)
        for source, target in lengths
    )
