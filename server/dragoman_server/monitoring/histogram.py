"""A Prometheus histogram that is cheap to observe from an engine's thread.

prometheus_client's own takes a lock and looks through the buckets in Python at each value; this one
notes the value, and sorts a thousand of them into the buckets at once.
"""

import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence

import numpy as np
from prometheus_client.core import Exemplar, HistogramMetricFamily
from prometheus_client.registry import Collector, CollectorRegistry

MOST_PENDING = 1024


class Observations:
    """The values of one combination of labels. Thread-safe: no value is lost or counted twice."""

    def __init__(self, buckets: Sequence[float]) -> None:
        self._upper_bounds = np.array(buckets)
        self._counts = np.zeros(len(buckets) + 1, np.int64)
        self._sum = 0.0
        self._pending: deque[float] = deque()
        self._exemplars: dict[int, Exemplar] = {}
        """The last one of each bucket."""
        self._lock = threading.Lock()

    def observe(self, value: float, trace_id: str = "") -> None:
        """Counts a value, which a trace tells more of where there is one."""
        self._pending.append(value)
        if trace_id:
            place = int(np.searchsorted(self._upper_bounds, value))
            self._exemplars[place] = Exemplar({"trace_id": trace_id}, value, time.time())
        if len(self._pending) >= MOST_PENDING:
            self._sort()

    def observe_all(self, values: Sequence[float]) -> None:
        """Counts values."""
        self._pending.extend(values)
        if len(self._pending) >= MOST_PENDING:
            self._sort()

    def totals(self) -> tuple[list[int], float]:
        """Returns how many values are in each bucket or one before it, and the sum of all."""
        self._sort()
        with self._lock:
            return self._counts.cumsum().tolist(), self._sum

    def exemplars(self) -> list[Exemplar | None]:
        """Returns the last one of each bucket that has one."""
        return [self._exemplars.get(place) for place in range(len(self._counts))]

    def _sort(self) -> None:
        with self._lock:
            values = np.array([self._pending.popleft() for _ in range(len(self._pending))])
            places = np.searchsorted(self._upper_bounds, values)  # an upper bound is in its bucket
            self._counts += np.bincount(places, minlength=len(self._counts))
            self._sum += float(values.sum())


class Histogram(Collector):
    """A family of observations, by labels.

    Args:
        name: Of the metric, with its prefix.
        documentation: What it counts, in a sentence.
        buckets: Their upper bounds, ascending; one without bound is added.
        labels: Names of the labels.
        registry: Where scrapes find it.
    """

    def __init__(
        self,
        name: str,
        documentation: str,
        *,
        buckets: Sequence[float],
        labels: Sequence[str] = (),
        registry: CollectorRegistry,
    ) -> None:
        self._name = name
        self._documentation = documentation
        self._buckets = tuple(buckets)
        self._labels = tuple(labels)
        self._observations: dict[tuple[str, ...], Observations] = {}
        if not labels:
            self.labels()
        registry.register(self)

    def labels(self, *values: str) -> Observations:
        """Returns the observations with these values of the labels; at first there are none."""
        if (found := self._observations.get(values)) is None:
            found = self._observations.setdefault(values, Observations(self._buckets))
        return found

    def observe(self, value: float) -> None:
        """Counts a value of a histogram without labels."""
        self._observations[()].observe(value)

    def describe(self) -> Iterable[HistogramMetricFamily]:
        """Returns the family without values; the registry asks."""
        return [self._family()]

    def collect(self) -> Iterable[HistogramMetricFamily]:
        """Returns the family with its values; each scrape asks."""
        family = self._family()
        bounds = [*(str(float(bound)) for bound in self._buckets), "+Inf"]
        for labels, observations in list(self._observations.items()):
            counts, total = observations.totals()
            exemplars = observations.exemplars()
            # Its stub says that every bucket has an exemplar, or none; it looks at each.
            buckets = list(zip(bounds, counts, exemplars, strict=True))
            family.add_metric(labels, buckets, total)  # type: ignore[arg-type]
        return [family]

    def _family(self) -> HistogramMetricFamily:
        return HistogramMetricFamily(self._name, self._documentation, labels=self._labels)
