"""What a load test found, as data: what the JSON holds and the report shows.

Times are in seconds where a name does not say otherwise. Latencies count from the moment at which
LoadGen meant to send a request, not from when it was sent.
"""

from dataclasses import dataclass, field
from typing import Literal

Scenario = Literal["single-stream", "server", "offline"]


@dataclass(frozen=True)
class Moment:
    """One second of a run. What the server's metrics say is None where they were not read.

    A run does not end with a second: its last moment is from half a second to one and a half long.
    """

    second: float
    """Since the run's first request was due; the end of the second that is told of."""
    seconds: float
    """How long it is: 1, but for the last one."""
    answered: int
    """Requests answered with a translation."""
    refused: int
    """Requests refused with RESOURCE_EXHAUSTED."""
    p50_ms: float | None
    """Of the latencies of the requests answered; None where there were none."""
    p97_ms: float | None
    """Likewise."""
    waiting: float | None = None
    """Texts in the server's queue."""
    running: float | None = None
    """Texts being encoded or decoded."""
    rows_per_step: float | None = None
    """Mean rows of the decoding steps of this second."""


@dataclass(frozen=True)
class Stages:
    """Where the time of a text went, in mean milliseconds; from the server's metrics."""

    queue_ms: float
    """Waiting for an engine."""
    encode_ms: float
    """In the encoding step."""
    decode_ms: float
    """From there to the last token."""
    rest_ms: float
    """All else until the client has the answer: network, protocol, tokenizer, the client itself."""


@dataclass(frozen=True)
class Effort:
    """What a run took of processors."""

    client_cores: float
    """That the load generator kept busy in the mean, all its processes together."""
    server_cores: float | None = None
    """Likewise the server's process, in which its engines are; None where its metrics were not
    read, or do not say."""
    engines: int | None = None
    """Of the server; None likewise."""


@dataclass(frozen=True)
class Run:
    """One test of LoadGen: a scenario, and in the server scenario one rate."""

    scenario: Scenario
    target_rate: float | None
    """Requests per second that LoadGen was told to send; None but in the server scenario."""
    offered_rate: float | None
    """Requests per second that it sent, as chance would have it; None likewise."""
    seconds: float
    """From the first request's time to the last answer."""
    requests: int
    """Samples that LoadGen issued; each is one text."""
    outcomes: dict[str, int]
    """Requests by gRPC status: OK, RESOURCE_EXHAUSTED, ..."""
    problems: dict[str, str]
    """By each of these that is not OK: what was said of the first that ended so."""
    completed_rate: float
    """Texts translated per second."""
    goodput: float
    """Of those, the ones within the latency bound, per second."""
    target_tokens_per_second: float
    """As the answers count them, end tokens aside."""
    latency_ms: dict[str, float]
    """Percentiles of the latencies of what was translated: "50", "90", "95", "97", "99", "99.9" and
    "100"; empty where nothing was."""
    curve_ms: list[float]
    """Their quantiles at 0, 0.5, 1, ... 100 per cent; empty likewise."""
    refusal_ms: dict[str, float]
    """Percentiles, likewise, of the time from sending a request until RESOURCE_EXHAUSTED; empty
    where nothing was refused."""
    valid: bool
    reasons: list[str]
    """Why it is not valid; empty where it is."""
    enough_requests: int | None
    """How many requests LoadGen would probably be content with, where it says nothing of this run
    but that there were too few; else None."""
    loadgen_summary: str
    """LoadGen's own words."""
    timeline: list[Moment] = field(default_factory=list)
    stages: Stages | None = None
    effort: Effort | None = None


@dataclass(frozen=True)
class Quality:
    """Of the translations, against references; signatures are sacrebleu's."""

    bleu: float
    bleu_signature: str
    chrf: float
    chrf_signature: str
    texts: int


@dataclass(frozen=True)
class Report:
    """A call of `dragoman load`."""

    version: str
    """Of dragoman."""
    started_at: str
    """ISO 8601 with time zone."""
    command: str
    client: str
    """The machine that the load came from."""
    target: str
    model: str
    """Name, precision, runtime and provider as the server tells them."""
    corpus: str
    """Where the sentences come from, and how many."""
    latency_bound_ms: float
    latency_percentile: float
    """Per cent: 97."""
    options: dict[str, str]
    """What was asked of the decoder and of the test, as told on the command line."""
    runs: list[Run]
    """In the order in which they were made: one, or the steps of a search and its confirmation."""
    peak: int | None = None
    """Index of the run with the highest rate that kept the bound, where a peak was looked for."""
    search_told: str = ""
    """Why a search found no peak, or what remains unsure of it; empty where nothing does."""
    quality: Quality | None = None
    wrong: list[str] = field(default_factory=list)
    """The first wrong answers, each with its text, what was expected and what came."""

    @property
    def result(self) -> Run:
        """The run that the report is about: the peak, else the last one."""
        return self.runs[-1 if self.peak is None else self.peak]
