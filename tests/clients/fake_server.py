"""A Dragoman server in this process: translates by upper-casing, and fails on cue."""
# ruff: noqa: N802  the methods have the names of their RPCs

import re
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import TracebackType
from typing import Self, cast

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import (  # type: ignore[import-untyped]  # it has .pyi files but no py.typed
    code_pb2,
    error_details_pb2,
    status_pb2,
)
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_status import rpc_status

from dragoman.channel import SERVICE
from dragoman.v1 import translation_pb2 as pb
from dragoman.v1.translation_pb2_grpc import (
    TranslationServiceServicer,
    add_TranslationServiceServicer_to_server,
)

Requests = Iterator[pb.StreamTranslateTextRequest]
Responses = Iterator[pb.StreamTranslateTextResponse]
StreamScript = Callable[[Requests, grpc.ServicerContext], Responses]


def translation(text: str, hypotheses: int = 0, target: str = "") -> pb.Translation:
    scores = [-0.5, -0.25] if hypotheses else []
    return pb.Translation(
        translated_text=text.upper(),
        finish_reason=pb.FINISH_REASON_STOP,
        score=-0.5,
        source_token_count=len(text),
        target_token_count=len(text),
        model="fake",
        token_scores=scores,
        hypotheses=[
            pb.Hypothesis(
                translated_text=f"{text.upper()} {number}",
                finish_reason=pb.FINISH_REASON_STOP,
                score=-number,
                target_token_count=len(text),
                token_scores=scores,
            )
            for number in range(hypotheses)
        ],
        target_language_code=target,
    )


def answer(request: pb.StreamTranslateTextRequest) -> pb.StreamTranslateTextResponse:
    return pb.StreamTranslateTextResponse(id=request.id, translation=translation(request.content))


def refusal(
    request: pb.StreamTranslateTextRequest, status: status_pb2.Status
) -> pb.StreamTranslateTextResponse:
    return pb.StreamTranslateTextResponse(id=request.id, error=status)


def status(code: int, message: str, *details: Message) -> status_pb2.Status:
    packed = []
    for detail in details:
        packed.append(any_pb2.Any())
        packed[-1].Pack(detail)
    return status_pb2.Status(code=code, message=message, details=packed)


def cause(reason: str, **metadata: str) -> error_details_pb2.ErrorInfo:
    return error_details_pb2.ErrorInfo(reason=reason, domain="dragoman", metadata=metadata)


def bad_field(field: str, description: str, reason: str = "") -> error_details_pb2.BadRequest:
    violation = error_details_pb2.BadRequest.FieldViolation(
        field=field, description=description, reason=reason
    )
    return error_details_pb2.BadRequest(field_violations=[violation])


def queue_full(seconds: float = 0.01) -> status_pb2.Status:
    delay = duration_pb2.Duration()
    delay.FromMilliseconds(round(seconds * 1000))
    return status(
        code_pb2.RESOURCE_EXHAUSTED,
        "the queue is full",
        cause("QUEUE_FULL"),
        error_details_pb2.RetryInfo(retry_delay=delay),
    )


def draining() -> status_pb2.Status:
    return status(code_pb2.UNAVAILABLE, "the server is draining", cause("DRAINING"))


def abort(context: grpc.ServicerContext, failure: status_pb2.Status) -> None:
    context.abort_with_status(rpc_status.to_status(failure))


def answer_each(requests: Requests, _context: grpc.ServicerContext) -> Responses:
    for request in requests:
        yield answer(request)


class FakeServer(TranslationServiceServicer):
    """Serves on a free port of the loopback while its context is open."""

    def __init__(self, credentials: grpc.ServerCredentials | None = None, *, port: int = 0) -> None:
        self.requests: list[pb.TranslateTextRequest] = []
        self.metadata: list[dict[str, str | bytes]] = []
        """Of every call."""

        self.failures: deque[status_pb2.Status] = deque()
        """What the next unary calls fail with."""

        self.detections: list[list[str]] = []
        """Texts of each DetectLanguage."""

        self.fails_models = True
        """Whether ListModels is one of them."""

        self.streams: deque[StreamScript] = deque()
        """What the next streams do; answering each text follows."""

        self.streams_opened = 0
        self.hold = threading.Event()
        """Unary calls wait for it."""

        self.hold.set()
        self.mistakes: dict[str, str] = {}
        """Texts that unary calls take for others."""

        self.refused: set[str] = set()
        """Texts that unary calls find no room for."""

        self.keys: list[str | None] = []
        """What each call had as its `authorization`."""

        self.seconds_left: list[float | None] = []
        """Until the deadline of each call, as it came."""

        self.hypotheses = 0
        """Of each translation that a unary call answers."""

        self.limits = pb.Limits(
            max_contents=1024,
            max_code_points=30_000,
            max_input_length=512,
            max_decoding_length=512,
            max_beam_size=8,
            max_stream_texts=1024,
        )
        self._server = grpc.server(ThreadPoolExecutor(8))
        add_TranslationServiceServicer_to_server(self, self._server)
        self._states = health.HealthServicer()
        self._states.set(SERVICE, health_pb2.HealthCheckResponse.SERVING)
        health_pb2_grpc.add_HealthServicer_to_server(self._states, self._server)
        if credentials is None:
            self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        else:
            self.port = self._server.add_secure_port(f"127.0.0.1:{port}", credentials)

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def stop_serving(self) -> None:
        """Says so to those who watch, and goes on answering."""
        self._states.set(SERVICE, health_pb2.HealthCheckResponse.NOT_SERVING)

    def stop(self) -> None:
        """Breaks every connection at once."""
        self.hold.set()
        self._server.stop(grace=None).wait()

    def TranslateText(
        self, request: pb.TranslateTextRequest, context: object
    ) -> pb.TranslateTextResponse:
        self.requests.append(request)
        self._note_key(context)
        self._note(context)
        self.hold.wait()
        if self.failures:
            abort(cast("grpc.ServicerContext", context), self.failures.popleft())
        if self.refused.intersection(request.contents):
            abort(cast("grpc.ServicerContext", context), queue_full())
        return pb.TranslateTextResponse(
            translations=[
                translation(self.mistakes.get(text, text), self.hypotheses, code)
                for text in request.contents
                for code in request.target_language_codes or [""]
            ]
        )

    def _note(self, context: object) -> None:
        call = cast("grpc.ServicerContext", context)
        self.metadata.append(dict(call.invocation_metadata()))
        self.seconds_left.append(call.time_remaining())

    def StreamTranslateText(self, request_iterator: object, context: object) -> Responses:
        self.streams_opened += 1
        self._note_key(context)
        self._note(context)
        script = self.streams.popleft() if self.streams else answer_each
        return script(cast("Requests", request_iterator), cast("grpc.ServicerContext", context))

    def DetectLanguage(
        self, request: pb.DetectLanguageRequest, context: object
    ) -> pb.DetectLanguageResponse:
        """Takes a text for what its first word says."""
        self._note_key(context)
        self._note(context)
        self.detections.append(list(request.contents))
        if self.failures:
            abort(cast("grpc.ServicerContext", context), self.failures.popleft())
        return pb.DetectLanguageResponse(
            detected=[
                pb.DetectedLanguages(
                    language_code=(text or "und").split()[0],
                    languages=[
                        pb.DetectedLanguage(language_code=code, confidence=0.75)
                        for code in text.split()[:1]
                    ],
                    spans=[
                        pb.LanguageSpan(
                            begin=found.start(),
                            end=found.end(),
                            language_code=found.group(),
                            confidence=0.75,
                        )
                        for found in re.finditer(r"\S+", text if request.return_spans else "")
                    ],
                )
                for text in request.contents
            ]
        )

    def ListModels(self, request: pb.ListModelsRequest, context: object) -> pb.ListModelsResponse:
        del request
        self._note_key(context)
        self._note(context)
        if self.failures and self.fails_models:
            abort(cast("grpc.ServicerContext", context), self.failures.popleft())
        model = pb.Model(
            name="fake",
            architecture="marian",
            source_language_codes=["en"],
            target_language_codes=["de"],
            precision="int8",
            provider="cpu",
            limits=self.limits,
        )
        return pb.ListModelsResponse(models=[model])

    def _note_key(self, context: object) -> None:
        metadata = cast("grpc.ServicerContext", context).invocation_metadata()
        shown = [str(value) for name, value in metadata if name == "authorization"]
        self.keys.append(shown[0] if shown else None)
