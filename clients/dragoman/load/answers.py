"""What came back: how each request ended, and whether it is what was expected.

Knows the response message. Does not know calls or LoadGen.
"""

from collections.abc import Sequence
from typing import NamedTuple

from dragoman.load.sentences import Sentences
from dragoman.v1 import translation_pb2 as pb

OK = "OK"
REFUSED = "RESOURCE_EXHAUSTED"
WRONG = "WRONG"
"""Answered with OK, but with another text than expected, or with more or fewer."""
NO_MESSAGE = "NO_MESSAGE"
"""Answered with OK and nothing else."""

LASTING = frozenset(
    {
        *("FAILED_PRECONDITION", "INVALID_ARGUMENT", "NOT_FOUND", "OUT_OF_RANGE"),
        *("PERMISSION_DENIED", "UNAUTHENTICATED", "UNIMPLEMENTED", WRONG),
    }
)
"""How a request ends that would end so again, later and at any rate."""

MOST_TOLD = 20
"""Wrong answers that are kept; the others are counted."""


class Answer(NamedTuple):
    """How a sample ended."""

    response_id: int
    """LoadGen's."""
    status: str
    """Name of the gRPC status, or WRONG."""
    seconds: float
    """From sending its request to here."""
    target_tokens: int
    """Of the translation, the end token not counted; 0 without one."""
    problem: str = ""
    """What the server or gRPC said of a failure, or what is wrong; empty where the status is OK."""


class Reader:
    """Reads responses, and keeps the first translation of each sentence and the first wrong ones.

    Args:
        sentences: What was sent.
    """

    def __init__(self, sentences: Sentences) -> None:
        self._sentences = sentences
        self.translations: dict[int, str] = {}
        self.wrong: list[str] = []

    def read(
        self,
        response: pb.TranslateTextResponse | None,
        response_ids: Sequence[int],
        indices: Sequence[int],
        seconds: float,
    ) -> list[Answer]:
        """Returns the answers to the sentences at `indices`, in their order.

        Args:
            response: None where gRPC told of success and had no message, as it sometimes does when
                a deadline passes at that moment.
            response_ids: LoadGen's.
            indices: Of the sentences.
            seconds: That it took.
        """
        if response is None:
            return failed(response_ids, NO_MESSAGE, seconds, "gRPC told of success alone")
        found = response.translations
        if len(found) != len(indices):
            problem = f"{len(found)} translations came for {len(indices)} texts"
            self._note(problem)
            return failed(response_ids, WRONG, seconds, problem)
        answers = []
        for response_id, index, each in zip(response_ids, indices, found, strict=True):
            problem = self._problem(index, each)
            status = WRONG if problem else OK
            answers.append(Answer(response_id, status, seconds, each.target_token_count, problem))
        return answers

    def _problem(self, index: int, translation: pb.Translation) -> str:
        """Returns what is wrong with a translation; empty where nothing is."""
        text, sentences = translation.translated_text, self._sentences
        self.translations.setdefault(index, text)
        if sentences.expected is not None and text != sentences.expected[index]:
            return self._wrong(index, f"expected {sentences.expected[index]!r}, came {text!r}")
        if sentences.target_lengths is not None:
            wanted, tokens = sentences.target_lengths[index], translation.target_token_count
            if tokens != wanted:
                return self._wrong(index, f"expected {wanted} target tokens, came {tokens}")
        return ""

    def _wrong(self, index: int, what: str) -> str:
        problem = f"line {index + 1}, {self._sentences.texts[index]!r}: {what}"
        self._note(problem)
        return problem

    def _note(self, problem: str) -> None:
        if len(self.wrong) < MOST_TOLD:
            self.wrong.append(problem)


def failed(response_ids: Sequence[int], status: str, seconds: float, problem: str) -> list[Answer]:
    """Returns the answers of a request that ended without a response."""
    return [Answer(response_id, status, seconds, 0, problem) for response_id in response_ids]
