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


def spelled(
    bundle: Path, texts: Sequence[str], options: DecodingOptions, direction: Direction = ANY
) -> list[Spelled]:
    """Translates all texts at once."""
    requests = [
        StreamTranslateTextRequest(
            id=str(index),
            content=text,
            source_language_code=direction.source,
            target_language_code=direction.target,
            options=options,
            segmentation=SEGMENTATION_NONE,
        )
        for index, text in enumerate(texts)
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
