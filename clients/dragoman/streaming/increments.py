"""A text's translation as it grows: a stream of one text, whose partial texts are handed on.

Knows gRPC's calls; when to try again is retry.py's to say.
"""

import threading
import time
from collections.abc import Callable, Generator

import grpc

from dragoman.calls import Attempts
from dragoman.errors import DragomanError, UnavailableError
from dragoman.reading import read_translation
from dragoman.results import Translation
from dragoman.status import error_from_answer, error_from_rpc, error_from_status
from dragoman.streaming.stream import GOODBYE_SECONDS, ResponseCall
from dragoman.target import Target
from dragoman.v1 import translation_pb2 as pb

UNANSWERED = "the server ended the stream without an answer"


def increments(
    start: Callable[[float | None], ResponseCall], attempts: Attempts, target: Target
) -> Generator[str | Translation, None, None]:
    """Yields the beginnings of a translation, each in place of the last, and then all of it.

    Args:
        start: Sends the text, given the seconds in which it must be answered.
        attempts: How long and how often; each begins anew.
        target: Where it goes.

    Raises:
        DragomanError: There is no translation.
    """
    while True:
        call = start(attempts.seconds_left(time.monotonic()))
        try:
            for response in call:
                increment = read_increment(response)
                if isinstance(increment, Translation):
                    attempts.note_answer()
                    yield increment
                    _let_end(call)
                    return
                yield increment
            error: DragomanError = UnavailableError(UNANSWERED, reason="CONNECTION_BROKEN")
        except grpc.RpcError as rpc_error:
            error = error_from_rpc(rpc_error, target)
        except DragomanError as refusal:
            error = refusal
        finally:
            call.cancel()
        time.sleep(attempts.delay(error, time.monotonic()))


def _let_end(call: ResponseCall) -> None:
    """Lets the server end a call that it has answered: cancelled, it would be told as given up."""
    ended = threading.Event()
    if call.add_callback(ended.set):
        ended.wait(GOODBYE_SECONDS)


def read_increment(response: pb.StreamTranslateTextResponse) -> str | Translation:
    """Returns what an answer says.

    Raises:
        DragomanError: It says why there is no translation, or cannot be read.
    """
    kind = response.WhichOneof("result")
    if kind == "partial_text":
        return response.partial_text
    if kind == "translation":
        return read_translation(response.translation)
    if kind == "error":
        raise error_from_status(response.error)
    raise error_from_answer(ValueError("it has no result"))
