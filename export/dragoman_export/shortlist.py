"""Makes what lets each sentence choose among the tokens of a list of its own, in place of all.

The lists are made of the model's own translations; some sentences are held out, and tell what
keeping to lists changes. Knows files and pairs. Does not know how graphs are made.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from dragoman_export.alignment import Lexicon, TokenPair, make_lexicon
from dragoman_export.errors import UsageError
from dragoman_export.model import ImportedModel, Prompt
from dragoman_export.precision import TokenWeights
from dragoman_export.verification import Done, GraphDecoder, ListedGraphDecoder, Said, listen

DIRECTORY = "shortlist"
"""Of the files, in the bundle."""

WEIGHTS, SCALES, BIASES, OFFSETS, TOKENS, FREQUENT = (
    f"{DIRECTORY}/{name}.npy"
    for name in ("weights", "scales", "biases", "offsets", "tokens", "frequent")
)

MOST_HELD_OUT = 500
"""Sentences, and at most half of them."""


class ShortlistReport(NamedTuple):
    """As `dragoman.v1.ShortlistReport`."""

    trained_count: int
    sentence_count: int
    identical_count: int
    mean_tokens: float


def require_sentences(prompts: Sequence[Prompt], most: int) -> None:
    """Raises UsageError unless there are two sentences or more, each of at most `most` tokens."""
    if len(prompts) < 2:  # noqa: PLR2004 - one to be made of and one to be measured on
        raise UsageError(f"--shortlist has {len(prompts)} sentences; it takes 2 or more")
    longest = max(len(prompt.source_ids) for prompt in prompts)
    if longest > most:
        raise UsageError(
            f"--shortlist has a sentence of {longest:,} tokens; the model takes up to {most:,}"
        )


def write_weights(directory: Path, projection: TokenWeights) -> None:
    """Writes the output projection's beside the graphs in `directory`."""
    (directory / DIRECTORY).mkdir()
    np.save(directory / WEIGHTS, projection.weights)
    np.save(directory / SCALES, projection.scales)
    np.save(directory / BIASES, projection.biases)


def make_shortlist(
    directory: Path, model: ImportedModel, prompts: Sequence[Prompt], done: Done
) -> ShortlistReport:
    """Writes the lexicon of what the graphs in `directory` say, and says what lists change.

    Args:
        directory: With the graphs and the weights of the output projection.
        model: What they were made of.
        prompts: Sentences, the more the better: a few thousand cost quality.
        done: Told which part of them is translated.
    """
    said = listen(GraphDecoder(directory, model), prompts, model.max_decoding_length, done)
    every = max(2, -(-len(said) // MOST_HELD_OUT))
    held_out = said[::every]
    trained = [each for index, each in enumerate(said) if index % every]
    config = model.config
    lexicon = make_lexicon(
        [TokenPair(each.prompt.source_ids, each.hypothesis.token_ids) for each in trained],
        source_size=config.source_vocabulary_size or config.vocabulary_size,
        target_size=config.vocabulary_size,
        end_id=model.end_id,
        is_joint=config.source_vocabulary_size is None,
    )
    np.save(directory / OFFSETS, lexicon.offsets)
    np.save(directory / TOKENS, lexicon.tokens)
    np.save(directory / FREQUENT, lexicon.frequent)
    return _measure(directory, model, lexicon, held_out, len(trained))


def _measure(
    directory: Path, model: ImportedModel, lexicon: Lexicon, held_out: list[Said], trained: int
) -> ShortlistReport:
    projection = TokenWeights(*(np.load(directory / name) for name in (WEIGHTS, SCALES, BIASES)))
    decoder = ListedGraphDecoder(directory, model, lexicon.list_for, projection)
    found = listen(decoder, [each.prompt for each in held_out], model.max_decoding_length, _untold)
    # Of one length they are as they were: sorting is stable.
    pairs = zip(held_out, found, strict=True)
    same = sum(a.hypothesis.token_ids == b.hypothesis.token_ids for a, b in pairs)
    sizes = [len(lexicon.list_for(each.prompt.source_ids)) for each in held_out]
    return ShortlistReport(trained, len(held_out), same, float(np.mean(sizes)))


def _untold(_part: float) -> None:
    """Held-out sentences are few."""
