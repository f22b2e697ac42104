"""How a piece is decoded once more, so that it says what it must and not what it said.

Pure. Knows options, and what was wrong with a first attempt. Does not know texts or engines.
"""

from collections.abc import Set as AbstractSet
from dataclasses import replace

from dragoman_server.quality import LengthNorm, Reason
from dragoman_server.sequence import RequiredSequence, TranslationOptions

FEWEST_BEAMS, BEAMS_EACH = 4, 2
"""A piece that must say something is a beam at least so wide, and so much wider for each thing."""

WIDER = 2
"""Times as wide is the beam of a piece that was a beam, and went wrong."""

REPEATED_TOKENS = 3
"""So many in a row are not said twice where a piece said the same again and again."""

REDRAWN = 0xD1B54A32D192ED03
"""From the seed of a first attempt to that of the second, far from those of all texts."""

SEEDS = 1 << 64


def with_required(
    options: TranslationOptions, required: tuple[RequiredSequence, ...], most_beams: int
) -> TranslationOptions:
    """Returns options that require something; nothing is drawn then, as beams never are."""
    beams = min(most_beams, FEWEST_BEAMS + BEAMS_EACH * len(required))
    return replace(
        options,
        required_sequences=required,
        beam_size=max(options.beam_size, beams),
        sampling_topk=1,
        sampling_topp=1.0,
        sampling_temperature=1.0,
        seed=None,
    )


def remedied(
    options: TranslationOptions,
    reasons: AbstractSet[Reason],
    norm: LengthNorm,
    source_length: int,
    most_beams: int,
) -> TranslationOptions:
    """Returns options with which a piece probably has fewer faults.

    They ask for all that a wider beam finds, so that there is a choice; against repetition no wider
    one is needed. What is drawn is drawn again: the same again for the same seed.

    Args:
        options: Of the first attempt, or what they are with what is required.
        reasons: What was wrong.
        norm: How long translations are.
        source_length: Tokens of the source, special ones not counted.
        most_beams: Widest beam.
    """
    options = _within(options, reasons, norm, source_length)
    if "REPETITION" in reasons:
        allowed = options.no_repeat_ngram_size or REPEATED_TOKENS
        options = replace(options, no_repeat_ngram_size=min(allowed, REPEATED_TOKENS))
    if options.sampling_topk > 1:
        seed = None if options.seed is None else (options.seed + REDRAWN) % SEEDS
        return replace(options, seed=seed)
    beams = options.beam_size
    if not {"REPETITION"} <= reasons <= {"REPETITION", "LENGTH_RATIO"}:
        beams = max(beams, min(most_beams, max(FEWEST_BEAMS, WIDER * beams)))
    power = options.length_penalty if options.beam_size > 1 else 1.0  # as greedy search's score
    return replace(options, beam_size=beams, num_hypotheses=beams, length_penalty=power)


def said_again(options: TranslationOptions, token_ids: list[int]) -> TranslationOptions:
    """Returns options with which a piece says these tokens, so that they are aligned."""
    return TranslationOptions(
        max_decoding_length=len(token_ids),
        target_prefix=tuple(token_ids),
        forced_length=options.forced_length,
        return_scores=False,
        return_alignment=True,
    )


def _within(
    options: TranslationOptions, reasons: AbstractSet[Reason], norm: LengthNorm, source_length: int
) -> TranslationOptions:
    """Returns options that keep a piece as long as is usual, where it was not."""
    longest, least = options.max_decoding_length, options.min_decoding_length
    if reasons & {"LENGTH_RATIO", "SOURCE_NOT_COVERED"}:
        least = max(least, min(norm.least_usual(source_length) + options.forced_length, longest))
    if reasons & {"LENGTH_RATIO", "REPETITION"}:
        most = norm.bounds(source_length)[1] + options.forced_length
        longest = min(longest, max(most, least, len(options.target_prefix), 1))
    return replace(options, min_decoding_length=least, max_decoding_length=longest)
