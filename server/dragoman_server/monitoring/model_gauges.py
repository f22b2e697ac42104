"""What the models that are loaded do now: gauges by model, read at each scrape.

A model's versions count together: where one replaces another both are there for a while. Knows
names and labels. Does not know how an engine works.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple, Protocol

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector


class EngineLoad(Protocol):
    """What the gauges read of an AsyncEngine."""

    @property
    def engine_count(self) -> int:
        """Engines, each with rows of its own."""

    @property
    def kv_cache_bytes(self) -> int:
        """Bytes of cache."""

    @property
    def requests_waiting(self) -> int:
        """Texts in the queue."""

    @property
    def requests_running(self) -> int:
        """Texts being encoded or decoded."""

    @property
    def bulk_waiting(self) -> int:
        """Of those in the queue, texts of bulk."""

    @property
    def bulk_running(self) -> int:
        """Of those being encoded or decoded, texts of bulk."""

    @property
    def predicted_seconds(self) -> float:
        """Seconds that a text of mean length would take; 0 where nothing is predicted."""

    @property
    def kv_cache_usage(self) -> float:
        """Part of the cache rows in use, 0 to 1."""


class ModelInfo(NamedTuple):
    """What the metrics call a version of a model."""

    model: str
    """Its name."""
    version: str
    architecture: str
    precision: str
    runtime: str
    provider: str


class ModelLoad(NamedTuple):
    """A version of a model that is loaded, and what it does."""

    info: ModelInfo
    engine: EngineLoad


class _Gauge(NamedTuple):
    """One gauge: how it is read of a version, and how those of a model's versions make one."""

    name: str
    documentation: str
    read: Callable[[EngineLoad], float]
    together: Callable[[Iterable[float]], float]


_GAUGES = (
    _Gauge(
        "requests_running",
        "Texts that are being encoded or decoded.",
        lambda engine: engine.requests_running,
        sum,
    ),
    _Gauge(
        "requests_waiting",
        "Texts in the queue; short even under overload that is refused.",
        lambda engine: engine.requests_waiting,
        sum,
    ),
    _Gauge(
        "bulk_requests_running",
        "Texts of bulk among those that are being encoded or decoded.",
        lambda engine: engine.bulk_running,
        sum,
    ),
    _Gauge(
        "bulk_requests_waiting",
        "Texts of bulk among those in the queue.",
        lambda engine: engine.bulk_waiting,
        sum,
    ),
    _Gauge(
        "predicted_seconds",
        "Seconds until a text of mean length would be translated if it came now, margin included; "
        "0 before enough was observed.",
        lambda engine: engine.predicted_seconds,
        max,
    ),
    _Gauge(
        "kv_cache_usage_ratio",
        "Part of the cache rows in use, from 0 to 1.",
        lambda engine: engine.kv_cache_usage,
        max,
    ),
    _Gauge(
        "engines",
        "Engines, each with rows of its own; chosen when the model is loaded, whatever the load.",
        lambda engine: engine.engine_count,
        sum,
    ),
    _Gauge(
        "kv_cache_bytes",
        "Bytes of cache, allocated when the model is loaded, whatever the load.",
        lambda engine: engine.kv_cache_bytes,
        sum,
    ),
)


class Models(Protocol):
    """What is needed of a ModelPool."""

    def loads(self) -> Iterable[ModelLoad]:
        """Yields every version that is loaded."""

    @property
    def failures(self) -> Mapping[str, str]:
        """Why what is on disk is not served, by the name of its directory."""


class ModelGauges(Collector):
    """All gauges of the models; without values before there are any."""

    def __init__(self) -> None:
        self._models: Models | None = None

    def watch(self, models: Models) -> None:
        """Reads these from now on."""
        self._models = models

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Returns the gauges without values; the registry asks."""
        return [*(_family(gauge, {}) for gauge in _GAUGES), _info([]), _failed({})]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Returns the gauges; each scrape asks."""
        if self._models is None:
            return self.describe()
        loads = list(self._models.loads())
        engines: dict[str, list[EngineLoad]] = defaultdict(list)
        for info, engine in loads:
            engines[info.model].append(engine)
        gauges = [_family(gauge, engines) for gauge in _GAUGES]
        return [*gauges, _info(loads), _failed(self._models.failures)]


def _info(loads: Iterable[ModelLoad]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "dragoman_model_info",
        "Always 1; the labels say which versions of models are loaded.",
        labels=ModelInfo._fields,
    )
    for info, _ in loads:
        family.add_metric(info, 1)
    return family


def _failed(failures: Mapping[str, str]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "dragoman_model_load_failed",
        "1 where the bundle of a directory is not served, or an older one in its place; the log "
        "says why.",
        labels=("bundle",),
    )
    for label in failures:
        family.add_metric((label,), 1)
    return family


def _family(gauge: _Gauge, versions: dict[str, list[EngineLoad]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"dragoman_{gauge.name}", gauge.documentation, labels=("model",))
    for name, engines in versions.items():
        family.add_metric((name,), gauge.together(map(gauge.read, engines)))
    return family
