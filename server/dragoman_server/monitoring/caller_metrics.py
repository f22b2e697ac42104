"""What each caller asks for and gets: counters by caller, for those who had to say who they are.

Knows names and labels, and how many names there may be. Does not know how a caller proves who it
is. There is nothing of a caller here but its name: never a key, a token or a text.
"""

from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter

MOST_OF_TOKENS = 100
"""Names that tokens say and that have series of their own. Whoever makes tokens may say new ones
without end."""

MOST_CONFIGURED = 1000
"""Names of the key file that have series of their own: some 15 each, in a scrape that all wait
for."""

OTHERS = "(other)"
"""In place of further names, all together; no caller can be called so."""

_OF_TOKENS = ":"
"""In the names that tokens say, and in no name of the key file."""


class CallerEnded(NamedTuple):
    """How requests of a caller ended, and what they came to."""

    caller: str
    """Its name."""
    priority: str
    """`interactive` or `bulk`; empty where they ended before anybody read it, or have none."""
    code: str
    """Name of their gRPC status code."""
    refusal: str = ""
    """Why they were refused, by what refusals_total calls it; empty where they were not."""
    times: int = 1
    texts: int = 0
    """That were translated."""
    code_points: int = 0
    """Of these."""
    target_tokens: int = 0
    """Of their translations."""

    @property
    def kind(self) -> tuple[str, str, str, str]:
        """What has to be alike of those that are added up."""
        return self[:4]

    def plus(self, other: "CallerEnded", times: int = 1) -> "CallerEnded":
        """Returns these requests and others of the same kind, which ended so several times."""
        sums = (mine + times * theirs for mine, theirs in zip(self[4:], other[4:], strict=True))
        return CallerEnded(*self.kind, *sums)


class _Counters(NamedTuple):
    """Of one kind of requests."""

    requests: Counter
    refusals: Counter | None
    """None where they were not refused."""
    translated: list[Counter]
    """Texts, code points and target tokens; none where nothing was translated."""


class CallerMetrics:
    """Counters by caller, each an attribute with the metric's name less the prefix."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._names: set[str] = set()
        """That have series of their own."""
        self._of_tokens = 0
        self._counters_of: dict[tuple[str, str, str, str], _Counters] = {}
        self.caller_requests_total = self._counter(
            "requests",
            "Requests that ended, of callers who had to say who they are, by gRPC status code.",
            *("priority", "code"),
        )
        self.caller_refusals_total = self._counter(
            "refusals",
            "Requests of a caller refused at once because of overload, or of its own limits "
            "(RATE_LIMITED), by cause.",
            "cause",
        )
        self.caller_texts_total = self._counter(
            "texts", "Texts of a caller that were translated.", "priority"
        )
        self.caller_code_points_total = self._counter(
            "code_points", "Code points of a caller's texts that were translated.", "priority"
        )
        self.caller_target_tokens_total = self._counter(
            "target_tokens", "Target tokens of a caller's texts that were translated.", "priority"
        )

    def count(self, ended: CallerEnded) -> None:
        """Counts requests that ended."""
        counters = self._counters(ended)
        counters.requests.inc(ended.times)
        if counters.refusals is not None:
            counters.refusals.inc(ended.times)
        amounts = (ended.texts, ended.code_points, ended.target_tokens)
        for counter, amount in zip(counters.translated, amounts, strict=False):
            counter.inc(amount)

    def _counters(self, ended: CallerEnded) -> _Counters:
        """Returns what counts requests of a kind."""
        _, priority, code, refusal = ended.kind
        key = (self._label(ended.caller), priority, code, refusal)
        if (counters := self._counters_of.get(key)) is None:
            counters = self._counters_of[key] = self._new_counters(*key)
        return counters

    def _new_counters(self, label: str, priority: str, code: str, refusal: str) -> _Counters:
        families = (
            self.caller_texts_total,
            self.caller_code_points_total,
            self.caller_target_tokens_total,
        )
        is_translated = code == "OK" and priority
        return _Counters(
            self.caller_requests_total.labels(label, priority, code),
            self.caller_refusals_total.labels(label, refusal) if refusal else None,
            [each.labels(label, priority) for each in families] if is_translated else [],
        )

    def _label(self, name: str) -> str:
        """Returns what stands for a caller: its name, while there are not too many."""
        if name in self._names:
            return name
        is_of_token = _OF_TOKENS in name
        if is_of_token and self._of_tokens >= MOST_OF_TOKENS:
            return OTHERS
        if not is_of_token and len(self._names) - self._of_tokens >= MOST_CONFIGURED:
            return OTHERS
        self._names.add(name)
        self._of_tokens += is_of_token
        return name

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(
            f"caller_{name}_total",
            documentation,
            ("caller", *labels),
            namespace="dragoman",
            registry=self._registry,
        )
