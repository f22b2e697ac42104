"""What a bundle says as token ids, by the server's own code.

Knows the server in this process. Does not know what its translations are compared with.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from dragoman.tokenizer import Tokenizer
from dragoman.v1.translation_pb2 import (
    SEGMENTATION_NONE,
    DecodingOptions,
    StreamTranslateTextRequest,
    Translation,
)
from dragoman_server.config import Config
from dragoman_server.local import LocalTranslator
from dragoman_server.models import load_tokenizer
from tests.families.compare import ANY, Direction


class Asked(NamedTuple):
    """What is to be translated."""

    text: str
    options: DecodingOptions
    direction: Direction = ANY


class Spelled(NamedTuple):
    """A translation."""

    token_ids: tuple[int, ...]
    """Without the end token."""
    score: float


class _Spelling:
    """A bundle's tokenizer that says ids for texts, so that tokens can be compared."""

    def __init__(self, own: Tokenizer) -> None:
        self._own = own
        self.encode, self.encode_target = own.encode, own.encode_target

    def decode(self, token_ids: Sequence[int]) -> str:
        """The ids themselves."""
        return " ".join(map(str, token_ids))


def spelled(bundle: Path, everything: Sequence[Asked]) -> list[Spelled]:
    """Translates all texts at once, each as it is asked."""
    requests = [
        StreamTranslateTextRequest(
            id=str(index),
            content=asked.text,
            source_language_code=asked.direction.source,
            target_language_code=asked.direction.target,
            options=asked.options,
            segmentation=SEGMENTATION_NONE,
        )
        for index, asked in enumerate(everything)
    ]
    with (
        mock.patch(
            "dragoman_server.assemble.load_tokenizer", lambda of: _Spelling(load_tokenizer(of))
        ),
        LocalTranslator.open(Config(bundle=bundle, engines=1)) as translator,
    ):
        outcomes = list(translator.translate_stream(requests))
    return [_spelled(outcome) for outcome in outcomes]


def _spelled(outcome: object) -> Spelled:
    if isinstance(outcome, Translation):
        return Spelled(tuple(map(int, outcome.translated_text.split())), outcome.score)
    assert isinstance(outcome, Exception)
    raise outcome
