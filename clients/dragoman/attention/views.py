"""What there is to see in one translation's attention: up to three kinds, each with its words.

Knows what rows and columns stand for. Does not know how they are drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dragoman.results import Attention, AttentionWeights

Kind = Literal["encoder", "decoder", "cross"]

TITLES: dict[Kind, str] = {
    "encoder": "Encoder self-attention",
    "decoder": "Decoder self-attention",
    "cross": "Cross-attention",
}

START = "⟨start⟩"
"""What the decoder reads first, which is no token of the target."""

JOINERS = "\u200c\u200d"


@dataclass(frozen=True)
class View:
    """Attention of one kind."""

    kind: Kind
    queries: tuple[str, ...]
    """The tokens that attend: rows."""
    keys: tuple[str, ...]
    """The tokens that are attended to: columns."""
    weights: AttentionWeights

    @property
    def title(self) -> str:
        """What it is called."""
        return TITLES[self.kind]

    @property
    def layers(self) -> int:
        """How many."""
        return self.weights.shape[0]

    @property
    def heads(self) -> int:
        """Of each layer."""
        return self.weights.shape[1]


def views(attention: Attention) -> list[View]:
    """Returns what there is: decoders that are recurrent have no self-attention."""
    source, target = attention.source_tokens, attention.target_tokens
    read = (START, *target)[: len(target)]  # by the step that says each token of the target
    words = {
        "encoder": (source, source),
        "decoder": (target, read),
        "cross": (target, source),
    }
    found: dict[Kind, AttentionWeights] = {
        "encoder": attention.encoder,
        "decoder": attention.decoder,
        "cross": attention.cross,
    }
    return [
        View(kind, *words[kind], weights) for kind, weights in found.items() if weights.shape[0]
    ]


@dataclass(frozen=True)
class Chosen:
    """The heads of a layer that a picture shows."""

    view: View
    layer: int
    """From 0."""
    heads: Sequence[int]
    """From 0, ascending."""

    @property
    def words(self) -> str:
        """What is chosen, for people, who count from 1."""
        layer = f"layer {self.layer + 1} of {self.view.layers}"
        if len(self.heads) == self.view.heads:
            return f"{layer}, all {self.view.heads} heads" if self.view.heads > 1 else layer
        heads = ", ".join(str(head + 1) for head in self.heads)
        return f"{layer}, {'head' if len(self.heads) == 1 else 'heads'} {heads}"

    def rows(self, head: int) -> list[list[float]]:
        """Returns a head's weights, (queries, keys)."""
        return [list(row) for row in self.view.weights.head(self.layer, head)]


def shown(token: str) -> str:
    """Returns a token as it is written into a picture: one line, nothing invisible.

    What joins letters, in many scripts and in emoji, is seen by what it does.
    """
    return "".join(
        letter if letter.isprintable() or letter in JOINERS else f"\\u{ord(letter):04x}"
        for letter in token
    )
