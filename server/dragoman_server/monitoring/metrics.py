"""Declares every metric of the server, once.

Those of callers are declared in caller_metrics.py, of guards in guard_metrics.py, and gauges of the
models in model_gauges.py.

Knows names, units, labels and buckets. Does not know when anything happens: the engine and the
service are handed a `Metrics` and count on its attributes. A request is a call of TranslateText,
DetectLanguage or ListModels, a text of StreamTranslateText, or a stream that is refused or broken
off as a whole; a text is one source text that goes through the engine. What the label `model` says
is a model's name, whatever its version; it is empty where a request ended before anybody found out
what it means, or means several.
"""

from typing import Literal, NamedTuple, TypeAlias

from prometheus_client import CollectorRegistry, Counter, Gauge, GCCollector, ProcessCollector

from dragoman_server.monitoring.caller_metrics import CallerEnded, CallerMetrics
from dragoman_server.monitoring.guard_metrics import GuardMetrics, GuardUse
from dragoman_server.monitoring.histogram import Histogram
from dragoman_server.monitoring.model_gauges import ModelGauges, Models

FailureReason = Literal["REJECTED", "CANCELLED", "DEADLINE", "BACKEND", "OTHER"]
RefusalCause = Literal[
    "QUEUE_FULL", "WOULD_EXPIRE", "TOO_MANY_CALLS", "OUT_OF_MEMORY", "RATE_LIMITED"
]
FileKind = Literal["api_keys", "glossaries", "jwks", "tls"]
ReloadOutcome = Literal["OK", "REFUSED"]

FAILURE_REASONS: tuple[FailureReason, ...] = (
    "REJECTED",
    "CANCELLED",
    "DEADLINE",
    "BACKEND",
    "OTHER",
)
CODES = (
    *("OK", "CANCELLED", "DEADLINE_EXCEEDED", "FAILED_PRECONDITION", "INTERNAL"),
    *(
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "PERMISSION_DENIED",
        "RESOURCE_EXHAUSTED",
        "UNAUTHENTICATED",
        "UNAVAILABLE",
    ),
)
"""All that a request ends with, there from the start: a rate misses the first of a new series."""

REFUSAL_CAUSES: tuple[RefusalCause, ...] = (
    "QUEUE_FULL",
    "WOULD_EXPIRE",
    "TOO_MANY_CALLS",
    "OUT_OF_MEMORY",
    "RATE_LIMITED",
)
FILE_KINDS: tuple[FileKind, ...] = ("api_keys", "glossaries", "jwks", "tls")
RELOAD_OUTCOMES: tuple[ReloadOutcome, ...] = ("OK", "REFUSED")

# Seconds. From 5 to 500 ms no bucket is wider than its lower bound.
LATENCY_BUCKETS = (
    *(0.001, 0.0025, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.125, 0.15),
    *(0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5, 5.0, 10.0, 30.0),
)
# Seconds, for single steps and tokens: finer at the low end.
STEP_BUCKETS = (
    *(0.00025, 0.0005, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03),
    *(0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0),
)
ROW_BUCKETS = (1, 2, 4, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)


class Ended(NamedTuple):
    """How a request ended."""

    code: str
    """Name of its gRPC status code."""
    seconds: float | None = None
    """From its arrival to its answer, where that is OK."""
    failure: FailureReason | None = None
    refusal: str | None = None
    """One of REFUSAL_CAUSES, where it was refused because of overload."""
    times: int = 1
    """Requests that ended so."""
    model: str = ""
    """Name of the model that it meant; empty where that is not known."""
    trace_id: str = ""
    """Of a trace that is kept and tells of it; empty where there is none."""
    interface: str = "dragoman"
    """Of the server, through which it came."""


class Shortage(NamedTuple):
    """What a process had too little of, or too much."""

    connections_full_seconds: float
    """Seconds in which it had as many connections as it may have."""
    log_lines_lost: int
    floods: int = 0
    """Connections that were closed as they sent far more than their calls explain."""
    spans_lost: int = 0
    """Spans of traces that the collector did not take."""


class CacheUse(NamedTuple):
    """What became of texts that were looked for among translations that are kept."""

    model: str
    """Name of the model; empty where there were no texts."""
    hits: int
    misses: int
    evictions: int
    """Translations that gave way to others."""
    bytes: int = 0
    """That those which are kept take more than before."""

    def plus(self, other: "CacheUse", times: int = 1) -> "CacheUse":
        """Returns this and another of the same model that many times."""
        sums = (mine + times * theirs for mine, theirs in zip(self[1:], other[1:], strict=True))
        return CacheUse(self.model, *sums)


class Reload(NamedTuple):
    """A file was read anew, as it had changed."""

    file: FileKind
    outcome: ReloadOutcome
    """REFUSED where it is wrong: what it held before stays in force."""


Report: TypeAlias = Ended | CallerEnded | Shortage | Reload | CacheUse | GuardUse
"""What a front end tells to whoever counts."""


class Metrics:
    """All the metrics, each an attribute with the metric's name less the prefix.

    `registry` is this server's own, so that two servers in a process never share a counter; a new
    one where None.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self._counters_of: dict[tuple[str | None, ...], list[Counter]] = {}
        self._declare_requests()
        self._declare_texts()
        self._declare_shortages()
        self._declare_engine()
        self._declare_cache()
        self._callers = CallerMetrics(self.registry)
        self._guards = GuardMetrics(self.registry)
        self._gauges = ModelGauges()
        self.registry.register(self._gauges)
        self.begin_model("")

    def _declare_requests(self) -> None:
        self.requests_total = self._counter(
            "requests_total", "Requests that ended, by gRPC status code.", "code", "model"
        )
        self.interface_requests_total = self._counter(
            "interface_requests_total",
            "Requests that ended, by the interface that they came through and gRPC status code.",
            *("interface", "code"),
        )
        self.request_failures_total = self._counter(
            "request_failures_total",
            "Requests that ended without a translation: REJECTED before it began, CANCELLED by the "
            "client, past their DEADLINE, failed in the BACKEND, or OTHER.",
            "reason",
            "model",
        )
        self.refusals_total = self._counter(
            "refusals_total",
            "Requests refused at once because of overload, or of their caller's own limits "
            "(RATE_LIMITED), by cause; they are among those that were REJECTED.",
            "cause",
            "model",
        )
        self.request_latency_seconds = self._histogram(
            "request_latency_seconds",
            "Seconds from a request's arrival to its answer, for requests answered with OK.",
            LATENCY_BUCKETS,
            "model",
        )

    def _declare_shortages(self) -> None:
        self.connections_full_seconds_total = self._counter(
            "connections_full_seconds_total",
            "Seconds in which a process had as many connections as it may have, and turned others "
            "away.",
        )
        self.log_lines_lost_total = self._counter(
            "log_lines_lost_total", "Lines of the log that nobody read in time."
        )
        self.spans_lost_total = self._counter(
            "spans_lost_total", "Spans of traces that the collector did not take in time."
        )
        self.connections_flooding_total = self._counter(
            "connections_flooding_total",
            "Connections that were closed because they sent far more than their calls explain.",
        )

        self.file_reloads_total = self._counter(
            "file_reloads_total",
            "Times that a file of keys or certificates was read anew, as it had changed; REFUSED "
            "where it was wrong, so that what it held before stays in force.",
            *("file", "outcome"),
        )
        for kind in FILE_KINDS:
            for outcome in RELOAD_OUTCOMES:
                self.file_reloads_total.labels(kind, outcome)

    def _declare_texts(self) -> None:
        self.request_queue_seconds = self._of_model(
            "request_queue_seconds", "Seconds that a text waited before it was encoded."
        )
        self.requests_expired_total = self._counter(
            "requests_expired_total",
            "Texts whose deadline passed while they waited, and which were never begun.",
            "model",
        )
        self.request_encode_seconds = self._of_model(
            "request_encode_seconds", "Seconds that the encoding step of a text took."
        )
        self.request_decode_seconds = self._of_model(
            "request_decode_seconds", "Seconds from the end of a text's encoding to its last token."
        )
        self.time_to_first_token_seconds = self._of_model(
            "time_to_first_token_seconds", "Seconds from a text's arrival to its first token."
        )
        self.time_per_output_token_seconds = self._of_model(
            "time_per_output_token_seconds",
            "Mean seconds between the tokens of a text, after the first.",
            STEP_BUCKETS,
        )
        self.source_tokens_total = self._counter(
            "source_tokens_total", "Source tokens encoded, special tokens counted.", "model"
        )
        self.target_tokens_total = self._counter(
            "target_tokens_total", "Target tokens decoded, end tokens not counted.", "model"
        )

    def _declare_engine(self) -> None:
        self.batch_rows = self._of_model("batch_rows", "Rows in a decoding step.", ROW_BUCKETS)
        self.steps_total = self._counter(
            "steps_total", "Steps that the engine ran.", "phase", "model"
        )
        self.step_seconds = self._histogram(
            "step_seconds",
            "Seconds that a step of the engine took.",
            STEP_BUCKETS,
            "phase",
            "model",
        )

    def _declare_cache(self) -> None:
        self.cache_hits_total = self._counter(
            "cache_hits_total", "Texts whose translations were kept from before.", "model"
        )
        self.cache_misses_total = self._counter(
            "cache_misses_total",
            "Texts that were looked for among the translations that are kept, and not found.",
            "model",
        )
        self.cache_evictions_total = self._counter(
            "cache_evictions_total", "Translations that were kept and gave way to others."
        )
        self.cache_bytes = Gauge(
            "cache_bytes",
            "Bytes that the translations take that are kept.",
            namespace="dragoman",
            registry=self.registry,
        )

    def begin_model(self, name: str) -> None:
        """Lets the counters of a model be there before they count: a rate misses the first of one.

        `name` is empty for requests that end before anybody knows which model they mean.
        """
        for code in CODES:
            self.requests_total.labels(code, name)
        for reason in FAILURE_REASONS:
            self.request_failures_total.labels(reason, name)
        for cause in REFUSAL_CAUSES:
            self.refusals_total.labels(cause, name)
        self.request_latency_seconds.labels(name)

    def record(self, told: Report) -> None:
        """Counts requests that ended, a shortage, or a file that was read anew."""
        if not isinstance(told, Ended):
            self._record_other(told)
            return
        for counter in self._counters(told):
            counter.inc(told.times)
        if told.seconds is not None:
            latency = self.request_latency_seconds.labels(told.model)
            for _ in range(told.times):
                latency.observe(told.seconds, told.trace_id)

    def _record_other(self, told: CallerEnded | Shortage | Reload | CacheUse | GuardUse) -> None:
        match told:
            case CacheUse():
                self._count_cache(told)
            case GuardUse():
                self._guards.count(told)
            case CallerEnded():
                self._callers.count(told)
            case Reload():
                self.file_reloads_total.labels(*told).inc()
            case Shortage():
                self.connections_full_seconds_total.inc(told.connections_full_seconds)
                self.log_lines_lost_total.inc(told.log_lines_lost)
                self.connections_flooding_total.inc(told.floods)
                self.spans_lost_total.inc(told.spans_lost)

    def _count_cache(self, use: CacheUse) -> None:
        if use.hits or use.misses:
            self.cache_hits_total.labels(use.model).inc(use.hits)
            self.cache_misses_total.labels(use.model).inc(use.misses)
        self.cache_evictions_total.inc(use.evictions)
        self.cache_bytes.inc(use.bytes)

    def _counters(self, ended: Ended) -> list[Counter]:
        """Returns what counts requests that ended so."""
        labels, model = (ended.code, ended.failure, ended.refusal), ended.model
        key = (model, ended.interface, *labels)
        if (counters := self._counters_of.get(key)) is None:
            families = (self.requests_total, self.request_failures_total, self.refusals_total)
            counters = self._counters_of[key] = [
                family.labels(label, model)
                for family, label in zip(families, labels, strict=True)
                if label is not None
            ]
            counters.append(self.interface_requests_total.labels(ended.interface, ended.code))
        return counters

    def watch(self, models: Models) -> None:
        """Lets the gauges of the models read what is loaded at each scrape."""
        self._gauges.watch(models)

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(name, documentation, labels, namespace="dragoman", registry=self.registry)

    def _of_model(
        self, name: str, documentation: str, buckets: tuple[float, ...] = LATENCY_BUCKETS
    ) -> Histogram:
        return self._histogram(name, documentation, buckets, "model")

    def _histogram(
        self,
        name: str,
        documentation: str,
        buckets: tuple[float, ...] = LATENCY_BUCKETS,
        *labels: str,
    ) -> Histogram:
        return Histogram(
            f"dragoman_{name}",
            documentation,
            buckets=buckets,
            labels=labels,
            registry=self.registry,
        )
