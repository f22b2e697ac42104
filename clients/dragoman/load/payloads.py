"""The bytes of the requests, made before a test begins so that none of it is timed.

A message is the concatenation of its fields, so the request for several texts is the options'
bytes and then each text's.
"""

from collections.abc import Sequence
from dataclasses import replace

from dragoman.load.sentences import Sentences
from dragoman.options import Options
from dragoman.v1 import translation_pb2 as pb


class Payloads:
    """Serialised TranslateTextRequests.

    Args:
        sentences: Whose target lengths, where there are some, stand for the options'; requests of
            several texts then are not possible, as a request's options are those of all its texts.
        options: How to translate.
    """

    def __init__(self, sentences: Sentences, options: Options) -> None:
        self._texts = [
            pb.TranslateTextRequest(contents=[text]).SerializeToString() for text in sentences.texts
        ]
        lengths: Sequence[int | None] = sentences.target_lengths or [None]
        self._options = [_options(options, length) for length in lengths]

    def of(self, indices: Sequence[int]) -> bytes:
        """Returns the request for the sentences at `indices`."""
        options = self._options[indices[0] if len(self._options) > 1 else 0]
        return options + b"".join(self._texts[index] for index in indices)


def _options(options: Options, length: int | None) -> bytes:
    if length is not None:
        options = replace(
            options,
            min_decoding_length=length,
            max_decoding_length=length,
            segmentation="none",  # the length is the whole text's
        )
    return pb.TranslateTextRequest(
        source_language_code=options.source_language_code,
        target_language_code=options.target_language_code,
        model=options.model,
        options=options.message(0),
        priority=options.priority_number,
        segmentation=options.segmentation_number,
        pivot_language_code=options.pivot_language_code,
        guard=options.guard_number,
        skip_cache=True,  # it would measure what is kept of the same sentences
    ).SerializeToString()
