import pytest

from dragoman.errors import ServerError
from dragoman.results import read_translations
from dragoman.v1 import translation_pb2 as pb


def test_success_without_a_message_is_the_servers_fault() -> None:
    with pytest.raises(ServerError, match="without an answer"):
        read_translations(None, 1)


def test_a_missing_translation_is_the_servers_fault() -> None:
    with pytest.raises(ServerError, match="1 translations came for 2 texts"):
        read_translations(pb.TranslateTextResponse(translations=[pb.Translation()]), 2)
