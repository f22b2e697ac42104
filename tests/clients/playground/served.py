"""The playground on a port, in front of a fake server whose translations grow."""

import contextlib
import threading
from collections.abc import Iterator, Sequence

import grpc

from dragoman.playground.app import make_app
from dragoman.playground.connections import Connections, Server
from dragoman.playground.listening import Listener
from dragoman.v1 import translation_pb2 as pb
from tests.clients.fake_server import FakeServer, Requests, Responses, StreamScript


def grow(requests: Requests, _context: grpc.ServicerContext) -> Responses:
    """Says a translation word by word, with alternatives where they are asked for."""
    for request in requests:
        words = request.content.upper().split(" ")
        for end in range(1, len(words)):
            beginning = " ".join(words[:end])
            yield pb.StreamTranslateTextResponse(id=request.id, partial_text=beginning)
        yield pb.StreamTranslateTextResponse(id=request.id, translation=_translation(request))


def _translation(request: pb.StreamTranslateTextRequest) -> pb.Translation:
    count = request.options.num_hypotheses
    text = request.content.upper()
    said = [text, *(f"{text} {place}" for place in range(2, count + 1))]
    tokens = max(3, len(text.split()))
    scores = ([-0.1, -0.6, -2.0] * tokens)[:tokens] if request.options.return_token_scores else []
    hypotheses = [
        pb.Hypothesis(
            translated_text=text,
            finish_reason=pb.FINISH_REASON_STOP,
            score=-0.25 * (place + 1),
            target_token_count=tokens,
            token_scores=scores,
        )
        for place, text in enumerate(said)
    ]
    return pb.Translation(
        translated_text=said[0],
        finish_reason=pb.FINISH_REASON_STOP,
        score=-0.25,
        source_token_count=4,
        target_token_count=tokens,
        model="fake",
        token_scores=scores,
        hypotheses=hypotheses if count > 1 else [],
    )


class Held:
    """Streams that say the beginning of a translation, and the rest once they are let go."""

    def __init__(self) -> None:
        self.left = threading.Event()
        """Set once a call is over, however it ended."""
        self._changed = threading.Condition()
        self._goes = False

    def let_go(self) -> None:
        """Says the rest, of these calls and of those to come."""
        with self._changed:
            self._goes = True
            self._changed.notify_all()

    def __call__(self, requests: Requests, context: grpc.ServicerContext) -> Responses:
        def leave() -> None:
            self.left.set()
            with self._changed:
                self._changed.notify_all()

        context.add_callback(leave)
        request = next(requests)
        yield pb.StreamTranslateTextResponse(id=request.id, partial_text="THE BEGINNING")
        with self._changed:
            self._changed.wait_for(lambda: self._goes or not context.is_active())
        yield from grow(iter((request,)), context)


class GrowingServer(FakeServer):
    """Whose streams grow, unless a test says what they do, and which may have other models too."""

    others: Sequence[pb.Model] = ()

    def __init__(self, *, port: int = 0) -> None:
        super().__init__(port=port)
        self.script: StreamScript = grow

    def StreamTranslateText(self, request_iterator: object, context: object) -> Responses:  # noqa: N802
        if not self.streams:
            self.streams.append(self.script)
        return super().StreamTranslateText(request_iterator, context)

    def ListModels(self, request: pb.ListModelsRequest, context: object) -> pb.ListModelsResponse:  # noqa: N802
        response = super().ListModels(request, context)
        response.models.extend(self.others)
        return response


@contextlib.contextmanager
def listening(target: str, *hosts: str) -> Iterator[str]:
    """Serves the playground of the server at `target`, and gives host:port."""
    listener = Listener("127.0.0.1", 0, lambda: make_app(Connections(Server(target)), hosts))
    thread = threading.Thread(target=listener.run)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.port}"
    finally:
        listener.end()
        thread.join()
