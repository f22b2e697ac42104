"""What two looks at a server's metrics say of the time between them.

Pure. Knows names of Dragoman's metrics. Does not know where a page comes from or how it is shown.
"""

import math
from typing import NamedTuple

from dragoman.top.page import Page

P50, P97 = 0.5, 0.97


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


def compare(address: str, before: Page, after: Page) -> ServerFigures:
    """Returns what a server did between two looks."""
    return ServerFigures(
        address,
        cpu=_rate(before, after, "process_cpu_seconds_total"),
        memory=after.total("process_resident_memory_bytes"),
        log_lines_lost=after.total("dragoman_log_lines_lost_total"),
        spans_lost=after.total("dragoman_spans_lost_total"),
        models=tuple(_model(name, before, after) for name in _names(before, after)),
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


def _rate(before: Page, after: Page, name: str, **labels: str) -> float | None:
    """Returns by how much a counter grew in a second; as from 0 where the server has restarted."""
    last = after.total(name, **labels)
    if last is None or after.at <= before.at:
        return None
    first = before.total(name, **labels) or 0.0
    return (last if last < first else last - first) / (after.at - before.at)


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

    last, first = count(after), count(before)
    return last if last < first else last - first
