"""How the peer is asked to decode, read from the wire's DecodingOptions.

Knows what the peer can do and what it cannot. Does not know CTranslate2.
"""

from typing import NamedTuple

from dragoman.v1.bundle_pb2 import Manifest
from dragoman.v1.translation_pb2 import DecodingOptions, Limits
from dragoman_server.errors import InvalidArgumentError
from dragoman_server.service.validation import check_range, wrong_option

READ = frozenset({"beam_size", "max_decoding_length", "min_decoding_length", "return_scores"})
"""Of the fields. Scores are never returned."""

NEUTRAL = {
    "length_penalty": 1.0,
    "num_hypotheses": 1,
    "repetition_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "sampling_topk": 1,
    "sampling_topp": 1.0,
    "sampling_temperature": 1.0,
}
"""Values of other fields that change nothing; where a field is not here, it has none."""


class Text(NamedTuple):
    """A text to translate."""

    source_ids: list[int]
    """Ending with the end token."""
    length: int
    """Most target tokens; where it is forced, as many."""


class Search(NamedTuple):
    """How texts are decoded. Those of one batch have the same."""

    beam_size: int
    lengths: tuple[int, int] | None
    """Fewest and most target tokens; None where each text has a forced length of its own."""


def read_options(
    message: DecodingOptions, manifest: Manifest, limits: Limits
) -> tuple[Search, int]:
    """Returns how to decode, and the most target tokens.

    A length is forced where the fewest tokens are the most: so texts of all forced lengths share
    batches.

    Raises:
        InvalidArgumentError: An option is out of its range, or the peer does not know it.
    """
    for field, value in message.ListFields():
        if field.name not in READ and value != NEUTRAL.get(field.name):
            raise _unsupported(field.name)
    beam_size = message.beam_size if message.HasField("beam_size") else 1
    fewest, most = message.min_decoding_length, message.max_decoding_length
    if not message.HasField("max_decoding_length"):
        default = manifest.decoding_defaults.max_decoding_length or limits.max_decoding_length
        most = min(default, limits.max_decoding_length)
    check_range("beam_size", beam_size, 1, limits.max_beam_size)
    check_range("max_decoding_length", most, 1, limits.max_decoding_length)
    check_range("min_decoding_length", fewest, 0, most)
    return Search(beam_size, None if fewest == most else (fewest, most)), most


def _unsupported(name: str) -> InvalidArgumentError:
    return wrong_option(
        name, "set", "nothing: this server does not know it", reason="OPTION_UNSUPPORTED"
    )
