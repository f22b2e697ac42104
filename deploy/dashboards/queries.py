"""PromQL over the replicas that are selected on the dashboard.

Knows how counters, gauges and histograms are asked. Does not know which metrics there are.
"""

OBJECTIVE_SECONDS = 0.25
BUDGET = 0.03
"""Share of the requests that may take longer or fail."""

NOT_COUNTED = "CANCELLED|INVALID_ARGUMENT|NOT_FOUND|PERMISSION_DENIED|UNAUTHENTICATED"
"""Codes of requests that their own client spoilt; prometheus-rule.yaml leaves out the same."""

WINDOW = "$__rate_interval"
"""Of a graph's points."""

OF_PROCESSES = (
    *("process_", "python_", "dragoman_connections_", "dragoman_file_", "dragoman_log_"),
    *("dragoman_model_load", "dragoman_caller_"),
)
"""Beginnings of the metrics that say nothing of a model."""

RANGE = "$__range"
"""All that the dashboard shows."""


def selected(metric: str, *matchers: str) -> str:
    """Returns the metric's series of the selected replicas."""
    all_matchers = ['namespace=~"$namespace"', 'job=~"$job"', 'pod=~"$pod"', *matchers]
    if not metric.startswith(OF_PROCESSES):
        all_matchers.append('model=~"$model"')
    return f"{metric}{{{', '.join(all_matchers)}}}"


def total(expression: str, by: str = "") -> str:
    """Returns the sum over all series, or one for each value of the labels `by`."""
    return f"sum by ({by}) ({expression})" if by else f"sum({expression})"


def rate(counter: str, *matchers: str, by: str = "") -> str:
    """Returns how much the counter grows in a second."""
    return total(f"rate({selected(counter, *matchers)}[{WINDOW}])", by)


def growth(counter: str, *matchers: str) -> str:
    """Returns how much the counter grew over all that the dashboard shows."""
    return total(f"increase({selected(counter, *matchers)}[{RANGE}])")


def quantile(share: float, histogram: str, by: str = "") -> str:
    """Returns the value that `share` of the observations do not exceed."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share:g}, {rate(f'{histogram}_bucket', by=labels)})"


def mean(histogram: str, by: str = "") -> str:
    """Returns the mean of the observations."""
    return f"{rate(f'{histogram}_sum', by=by)} / {rate(f'{histogram}_count', by=by)}"
