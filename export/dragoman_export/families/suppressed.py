"""What a checkpoint in Hugging Face's layout never says: its `bad_words_ids`."""

from typing import NamedTuple

from torch import Tensor

from dragoman_export.checkpoints import Checkpoint
from dragoman_export.network import SUPPRESSED_BIAS, Transformer


class Suppressed(NamedTuple):
    """Tokens, and tokens one after the other, that are never generated."""

    ids: tuple[int, ...] = ()
    sequences: tuple[tuple[int, ...], ...] = ()

    def apply(self, transformer: Transformer) -> None:
        """Lets the output bias see to single tokens, and to what only fills up the vocabulary."""
        bias = transformer.decoder.head.bias
        assert isinstance(bias, Tensor)
        bias.data[list(self.ids)] = SUPPRESSED_BIAS
        bias.data[transformer.config.vocabulary_size :] = SUPPRESSED_BIAS


def read_suppressed(checkpoint: Checkpoint, end_id: object) -> tuple[Suppressed, list[str]]:
    """What the settings say, and its problems; the end token alone never, as in `generate`."""
    # Where there are generation settings, transformers looks at no others.
    words = (checkpoint.generation_config or checkpoint.config).get("bad_words_ids")
    if words is None:
        return Suppressed(), []
    if not isinstance(words, list) or not all(map(_are_tokens, words)):
        return Suppressed(), [f"bad_words_ids is {words!r}; a list of lists of tokens is needed"]
    suppressed = Suppressed(
        tuple(word[0] for word in words if len(word) == 1 and word[0] != end_id),
        tuple(tuple(word) for word in words if len(word) > 1),
    )
    return suppressed, []


def _are_tokens(word: object) -> bool:
    return isinstance(word, list) and bool(word) and all(type(each) is int for each in word)
