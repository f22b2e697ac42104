"""What two looks at a server's metrics say of the time between them.

Pure. Knows names of Dragoman's metrics. Does not know where a page comes from or how it is shown.
"""

import math
from collections import defaultdict
from typing import NamedTuple

from dragoman.top.page import Page

P50, P97 = 0.5, 0.97

MOST_CALLERS = 10
"""Of a server, that are shown."""


class ModelFigures(NamedTuple):
    """Of one model, all its versions together. None where nothing says it."""

    model: str
    """Its name; empty for requests that ended before it was known which they mean."""
    versions: tuple[str, ...]
    """That are loaded."""
    running: float | None
    """Texts in the engines."""
    waiting: float | None
    """Texts in the queue."""
    rows: float | None
    """Mean rows of a decoding step."""
    rows_used: float | None
    """Part of all rows that is in use, 0 to 1."""
    requests_per_second: float | None
    refusals_per_second: float | None
    """Of these, for overload."""
    texts_per_second: float | None
    """Translated."""
    tokens_per_second: float | None
    """Of their translations."""
    latency_p50: float | None
    """Seconds, of requests answered with OK."""
    latency_p97: float | None
    queue_p97: float | None
    """Seconds that texts waited."""
    predicted: float | None
    """Seconds that a text would take that came now."""


class CallerFigures(NamedTuple):
    """Of one caller who had to say who it is, and asked for something."""

    caller: str
    """Its name."""
    requests_per_second: float
    refusals_per_second: float
    """Of these, for overload or a limit of the caller's."""
    texts_per_second: float
    """Translated."""
    bulk_texts_per_second: float
    """Of these, in no hurry."""
    tokens_per_second: float
    """Of their translations."""


class ServerFigures(NamedTuple):
    """Of one server."""

    address: str
    problem: str = ""
    """Why there is nothing else; empty where there is."""
    cpu: float | None = None
    """Cores in use, of the engines' process."""
    memory: float | None = None
    """Bytes resident, likewise."""
    log_lines_lost: float | None = None
    """Since it started."""
    spans_lost: float | None = None
    """Likewise."""
    models: tuple[ModelFigures, ...] = ()
    callers: tuple[CallerFigures, ...] = ()
    """Those with the most texts a second first, then those with the most requests."""
    callers_left_out: int = 0
    """Others that asked for something."""


def compare(address: str, before: Page, after: Page) -> ServerFigures:
    """Returns what a server did between two looks."""
    callers = _callers(before, after)
    return ServerFigures(
        address,
        cpu=_rate(before, after, "process_cpu_seconds_total"),
        memory=after.total("process_resident_memory_bytes"),
        log_lines_lost=after.total("dragoman_log_lines_lost_total"),
        spans_lost=after.total("dragoman_spans_lost_total"),
        models=tuple(_model(name, before, after) for name in _names(before, after)),
        callers=tuple(callers[:MOST_CALLERS]),
        callers_left_out=len(callers[MOST_CALLERS:]),
    )


def _names(before: Page, after: Page) -> list[str]:
    """Returns the models that there are; the nameless one only where there is news of it."""
    loaded = {labels["model"] for labels, _ in after.series("dragoman_requests_running")}
    if _rate(before, after, "dragoman_requests_total", model=""):
        loaded.add("")
    return sorted(loaded, key=lambda name: (not name, name))


def _model(name: str, before: Page, after: Page) -> ModelFigures:
    def rate(metric: str) -> float | None:
        return _rate(before, after, f"dragoman_{metric}", model=name)

    def now(gauge: str) -> float | None:
        return after.total(f"dragoman_{gauge}", model=name)

    def seconds(share: float, histogram: str) -> float | None:
        return _quantile(share, before, after, f"dragoman_{histogram}", name)

    steps, rows = rate("batch_rows_count"), rate("batch_rows_sum")
    info = after.series("dragoman_model_info")
    return ModelFigures(
        name,
        tuple(sorted(labels["version"] for labels, _ in info if labels["model"] == name)),
        running=now("requests_running"),
        waiting=now("requests_waiting"),
        rows=rows / steps if rows is not None and steps else None,
        rows_used=now("kv_cache_usage_ratio"),
        requests_per_second=rate("requests_total"),
        refusals_per_second=rate("refusals_total"),
        texts_per_second=rate("request_decode_seconds_count"),
        tokens_per_second=rate("target_tokens_total"),
        latency_p50=seconds(P50, "request_latency_seconds"),
        latency_p97=seconds(P97, "request_latency_seconds"),
        queue_p97=seconds(P97, "request_queue_seconds"),
        predicted=now("predicted_seconds"),
    )


def _callers(before: Page, after: Page) -> list[CallerFigures]:
    """Returns who asked for something, most texts first."""

    def rates(metric: str, **labels: str) -> dict[str, float]:
        return _rates_by_caller(before, after, f"dragoman_caller_{metric}_total", labels)

    refusals, texts, tokens = rates("refusals"), rates("texts"), rates("target_tokens")
    bulk = rates("texts", priority="bulk")
    callers = [
        CallerFigures(
            name,
            requests_per_second=requests,
            refusals_per_second=refusals.get(name, 0.0),
            texts_per_second=texts.get(name, 0.0),
            bulk_texts_per_second=bulk.get(name, 0.0),
            tokens_per_second=tokens.get(name, 0.0),
        )
        for name, requests in rates("requests").items()
        if requests
    ]
    return sorted(
        callers, key=lambda each: (-each.texts_per_second, -each.requests_per_second, each.caller)
    )


def _rates_by_caller(
    before: Page, after: Page, name: str, labels: dict[str, str]
) -> dict[str, float]:
    """Returns what `_rate` does for each caller, in one pass: there may be hundreds."""
    if after.at <= before.at:
        return {}
    first, last = (_sums_by_caller(page, name, labels) for page in (before, after))
    grown = {caller: _grown(first.get(caller, 0.0), value) for caller, value in last.items()}
    return {caller: growth / (after.at - before.at) for caller, growth in grown.items()}


def _sums_by_caller(page: Page, name: str, labels: dict[str, str]) -> dict[str, float]:
    sums: dict[str, float] = defaultdict(float)
    for has, value in page.series(name):
        if has.items() >= labels.items():
            sums[has["caller"]] += value
    return sums


def _rate(before: Page, after: Page, name: str, **labels: str) -> float | None:
    """Returns by how much a counter grew in a second; None where nothing says it."""
    last = after.total(name, **labels)
    if last is None or after.at <= before.at:
        return None
    return _grown(before.total(name, **labels) or 0.0, last) / (after.at - before.at)


def _grown(first: float, last: float) -> float:
    """Returns by how much a counter grew; as from 0 where the server has restarted."""
    return last if last < first else last - first


def _quantile(share: float, before: Page, after: Page, name: str, model: str) -> float | None:
    """Returns a quantile of what a histogram saw, as Prometheus' histogram_quantile has it."""
    bounds = sorted(
        float(labels["le"])
        for labels, _ in after.series(f"{name}_bucket")
        if labels.get("model") == model
    )
    counts = [_growth(before, after, f"{name}_bucket", model, bound) for bound in bounds]
    if not counts or not counts[-1]:
        return None
    rank = share * counts[-1]
    place = next(index for index, count in enumerate(counts) if count >= rank)
    lower, below = (bounds[place - 1], counts[place - 1]) if place else (0.0, 0.0)
    if math.isinf(bounds[place]):
        return lower
    return lower + (bounds[place] - lower) * (rank - below) / (counts[place] - below)


def _growth(before: Page, after: Page, name: str, model: str, bound: float) -> float:
    def count(page: Page) -> float:
        return sum(
            value
            for labels, value in page.series(name)
            if labels.get("model") == model and float(labels["le"]) == bound
        )

    return _grown(count(before), count(after))
