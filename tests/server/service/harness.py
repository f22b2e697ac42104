"""A real server in this process, on ports of the system's choice, around a FakeEngine."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast
from urllib.request import Request, urlopen

import grpc
from google.rpc import (  # type: ignore[import-untyped]  # it has .pyi files but no py.typed
    error_details_pb2,
)
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped]
from grpc import aio
from grpc_health.v1 import health_pb2
from grpc_status import rpc_status

from dragoman.v1.bundle_pb2 import (
    Architecture,
    DecodingDefaults,
    Graph,
    Manifest,
    SourceLanguage,
    SpecialTokens,
    TargetLanguage,
    TensorSpec,
)
from dragoman.v1.translation_pb2 import StreamTranslateTextResponse
from dragoman.v1.translation_pb2_grpc import TranslationServiceStub
from dragoman_server.application import Application
from dragoman_server.config import Config
from dragoman_server.errors import DragomanError, NoRoomError
from dragoman_server.models.bundle import Bundle
from dragoman_server.monitoring.metrics import Metrics
from dragoman_server.pool.folder import Found, Source
from dragoman_server.pool.pool import ModelPool
from dragoman_server.pool.version import LoadedModel
from dragoman_server.processes.messages import ModelSetup, Serve, Setup
from dragoman_server.processes.workers import build_front_end
from dragoman_server.runtime.layout import Layout
from dragoman_server.service.listing import describe_model, model_limits
from dragoman_server.service.status import PUSHBACK
from dragoman_server.service.text_queue import TextCodec
from tests.server.service.fakes import END_ID, FakeEngine, FakeTokenizer

if TYPE_CHECKING:
    from dragoman.v1.translation_pb2_grpc import TranslationServiceAsyncStub

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
SERVICE = "dragoman.v1.TranslationService"
POSITIONS = 16


def manifest(sources: str = "en", targets: str = "de") -> Manifest:
    return Manifest(
        name="tiny",
        architecture=Architecture(
            family="marian",
            decoder_layers=1,
            decoder_heads=1,
            head_dim=1,
            max_positions=POSITIONS,
        ),
        decoder=Graph(inputs=[TensorSpec(name="cross_value_0", data_type="float")]),
        source_languages=[SourceLanguage(language_code=code) for code in sources.split()],
        target_languages=[TargetLanguage(language_code=code) for code in targets.split()],
        special_tokens=SpecialTokens(end_id=END_ID),
        decoding_defaults=DecodingDefaults(max_decoding_length=12),
        precision="float32",
    )


def make_config(**settings: object) -> Config:
    ports = {"bundle": "bundle", "port": 0, "prometheus_port": 0}
    return Config.model_validate(ports | settings)


def make_setup(
    config: Config, contents: Manifest | None = None, *, number: int = 1, version: str = "1"
) -> ModelSetup:
    """What front ends are told of a version of a model."""
    contents = contents or manifest()
    model = describe_model(contents, model_limits(contents, config), "cpu", version)
    return ModelSetup(number, contents, model, FakeTokenizer)


def make_front_end_setup(config: Config, make_tokenizer: Callable[[], TextCodec]) -> Setup:
    """What a front end of one model begins with."""
    model = make_setup(config)._replace(make_tokenizer=make_tokenizer)
    return Setup(config, (model,), Serve((1,), frozenset({1})))


class FakeLoader:
    """Loads what it is told of, and remembers how.

    Attributes:
        models: By labels of bundles, what they are. All others are the usual model, each with an
            engine of its own.
        sizes: By labels, bytes; of all others it is 10.
        errors: By labels, why they cannot be loaded.
        engines: By numbers of versions, those that were loaded.
        rooms, like, threads: Of each that was to be loaded: the memory it may take, what it
            replaces, and the name of the thread with whether others were served meanwhile.
    """

    def __init__(self, config: Config, metrics: Metrics, usual: Manifest) -> None:
        self._config = config
        self._metrics = metrics
        self._usual = usual
        self.models: dict[str, tuple[Manifest, FakeEngine]] = {}
        self.sizes: dict[str, int] = {}
        self.errors: dict[str, DragomanError] = {}
        self.engines: dict[int, FakeEngine] = {}
        self.rooms: list[int | None] = []
        self.like: list[LoadedModel | None] = []
        self.threads: list[tuple[str, bool]] = []

    def __call__(
        self,
        found: Found,
        number: int,
        memory: int | None,
        *,
        beside: bool = False,
        like: LoadedModel | None = None,
    ) -> LoadedModel:
        self.threads.append((threading.current_thread().name, beside))
        self.rooms.append(memory)
        self.like.append(like)
        if error := self.errors.get(found.label):
            raise error
        size = self.sizes.get(found.label, 10)
        if memory is not None and size > memory:
            raise NoRoomError("no room", needed_bytes=size)
        contents, engine = self.models.get(found.label) or (self._usual, FakeEngine())
        self.engines[number] = engine
        version = found.version or str(number)
        setup = make_setup(self._config, contents, number=number, version=version)
        self._metrics.begin_model(setup.model.name)
        return LoadedModel(setup, engine, Layout(2, 1), size, Bundle(found.source.path, contents))


def make_pool(loader: FakeLoader) -> ModelPool:
    """A pool that begins with one model."""
    pool = ModelPool(loader)
    pool.begin([found("bundle")], all_must_load=True)
    return pool


def found(label: str, path: str = "", stamp: int = 1) -> Found:
    """A bundle as if it were on disk, where its label says unless a path does."""
    return Found(label, Source(Path(path or label), (("bundle.json", stamp, 1, 1),)))


def make_application(
    config: Config, engine: FakeEngine, metrics: Metrics, contents: Manifest | None = None
) -> Application:
    usual = contents or manifest()
    loader = FakeLoader(config, metrics, usual)
    loader.models["bundle"] = usual, engine
    pool = make_pool(loader)
    front_end = build_front_end(Setup(config, *pool.setup()), pool.engine_of, metrics.record)
    pool.attach(front_end)
    return Application(config, models=pool, front_end=front_end, metrics=metrics)


@dataclass
class Running:
    """A server and a channel to it."""

    application: Application
    engine: FakeEngine
    metrics: Metrics
    channel: aio.Channel

    @property
    def pool(self) -> ModelPool:
        models = self.application._models
        assert isinstance(models, ModelPool)
        return models

    @property
    def loader(self) -> FakeLoader:
        loader = self.pool._load
        assert isinstance(loader, FakeLoader)
        return loader

    @property
    def stub(self) -> "TranslationServiceAsyncStub":
        return TranslationServiceStub(self.channel)

    def call_raw(
        self, request: bytes, method: str = "TranslateText"
    ) -> "aio.UnaryUnaryCall[bytes, bytes]":
        """A unary method from bytes to bytes."""
        call: aio.UnaryUnaryMultiCallable[bytes, bytes] = self.channel.unary_unary(
            f"/{SERVICE}/{method}"
        )
        return call(request)

    async def health(self, service: str = SERVICE) -> str:
        check = self.channel.unary_unary(
            "/grpc.health.v1.Health/Check",
            health_pb2.HealthCheckRequest.SerializeToString,
            health_pb2.HealthCheckResponse.FromString,
        )
        response = await check(health_pb2.HealthCheckRequest(service=service))
        return health_pb2.HealthCheckResponse.ServingStatus.Name(response.status)

    def sample(self, name: str, **labels: str) -> float:
        """Of all the series that have these labels."""
        return sum(
            sample.value
            for family in self.metrics.registry.collect()
            for sample in family.samples
            if sample.name == name and sample.labels.items() >= labels.items()
        )

    def scrape(self, accept: str = "") -> str:
        url = f"http://127.0.0.1:{self.application.metrics_port}/metrics"
        with urlopen(Request(url, headers={"Accept": accept})) as answer:
            return str(answer.read(), "utf-8")


@asynccontextmanager
async def running(contents: Manifest | None = None, **settings: object) -> AsyncIterator[Running]:
    engine, metrics = FakeEngine(), Metrics()
    application = make_application(make_config(**settings), engine, metrics, contents)
    try:
        await application.start()
        async with aio.insecure_channel(f"127.0.0.1:{application.port}") as channel:
            yield Running(application, engine, metrics, channel)
    finally:
        await application.close()


class Readable(Protocol):
    """A stream's call."""

    async def read(self) -> object: ...


async def read(call: Readable) -> StreamTranslateTextResponse:
    """Returns the stream's next answer."""
    async with asyncio.timeout(60):
        answer = await call.read()
    assert isinstance(answer, StreamTranslateTextResponse), answer
    return answer


@dataclass
class Failure:
    """A failed call or text, its details unpacked."""

    code: grpc.StatusCode
    message: str
    reason: str
    domain: str
    metadata: dict[str, str]
    fields: dict[str, str]
    """Descriptions of the wrong fields."""
    retry_seconds: float | None
    pushback: str | None = None
    """What gRPC itself is told about retrying."""


async def failure_of(call: Awaitable[object]) -> Failure:
    """Awaits a call that must fail."""
    try:
        await call
    except aio.AioRpcError as error:
        status = rpc_status.from_call(cast("grpc.Call", error))
        failure = unpacked(status)
        pushbacks = [value for key, value in error.trailing_metadata() if key == PUSHBACK]
        failure.pushback = str(pushbacks[0]) if pushbacks else None
        return failure
    raise AssertionError("the call succeeded")


async def overdue(
    engine: FakeEngine, call: Callable[[float], Awaitable[object]], *, texts: int = 1
) -> Exception:
    """Makes a call whose deadline passes while the engine has its texts; returns how it ended.

    Where a machine stood still for so long that the texts had not come by then, the next one has
    ten times as long.

    Args:
        call: Given the seconds until its deadline.
    """
    for seconds in (0.2, 2.0, 20.0):
        before = len(engine.texts)
        try:
            await call(seconds)
        except Exception as error:  # noqa: BLE001  whatever it is, the test looks at it
            if len(engine.texts) >= before + texts:
                return error
    raise AssertionError("the texts never came")


def unpacked(status: Status) -> Failure:
    info = error_details_pb2.ErrorInfo()
    bad_request = error_details_pb2.BadRequest()
    retry = error_details_pb2.RetryInfo()
    retries = False
    for detail in status.details:
        detail.Unpack(info)
        detail.Unpack(bad_request)
        retries |= detail.Unpack(retry)
    codes = {code.value[0]: code for code in grpc.StatusCode}
    return Failure(
        code=codes[status.code],
        message=status.message,
        reason=info.reason,
        domain=info.domain,
        metadata=dict(info.metadata),
        fields={v.field: v.description for v in bad_request.field_violations},
        retry_seconds=retry.retry_delay.ToNanoseconds() / 1e9 if retries else None,
    )
