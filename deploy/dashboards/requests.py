"""What the dashboard shows of requests and texts: their rate, errors and durations.

Knows the service's metrics. Does not know how panels look.
"""

from collections.abc import Callable

from grafana_foundation_sdk.builders import heatmap, stat, timeseries

from deploy.dashboards.panels import (
    Query,
    bounded,
    coloured,
    figure,
    heat_map,
    lines,
    stacked,
    too_high,
    too_low,
)
from deploy.dashboards.queries import (
    BUDGET,
    NOT_COUNTED,
    OBJECTIVE_SECONDS,
    growth,
    mean,
    quantile,
    rate,
    selected,
)

LATENCY = "dragoman_request_latency_seconds"
IN_TIME = f'le="{OBJECTIVE_SECONDS:g}"'
COUNTED = f'code!~"{NOT_COUNTED}"'
OVER_LIMIT = 'cause="RATE_LIMITED"'
"""Refusals of a caller's own doing."""

OVERLOAD = 'cause!="RATE_LIMITED"'

FAST_BURN = 10
"""Times the budget: from here on, half an hour of it is a page."""

Graph = timeseries.Panel | heatmap.Panel


def counted(how: Callable[..., str]) -> str:
    """Returns the requests that the objective counts, as a rate or a growth."""
    over_limit = how("dragoman_refusals_total", OVER_LIMIT)
    return f"({how('dragoman_requests_total', COUNTED)} - {over_limit})"


def service() -> list[stat.Panel]:
    """Returns the figures that say whether all is well."""
    kept = f"{growth(f'{LATENCY}_bucket', IN_TIME)} / {counted(growth)}"
    left = f"1 - (1 - {kept}) / {BUDGET:g}"
    refused = f"{rate('dragoman_refusals_total', OVERLOAD)} / {rate('dragoman_requests_total')}"
    replicas = f"count(count by (namespace, job, pod) ({selected('dragoman_model_info')}))"
    return [
        too_low(
            figure(
                "Answered within 250 ms",
                "Share of the requests in the range shown that were answered with OK within 250 ms."
                " The objective is 97 %. What its own client spoilt is not counted.",
                "percentunit",
                kept,
            ).decimals(1),
            1 - BUDGET,
        ),
        too_low(
            figure(
                "Error budget left",
                "Part of the 3 % that the range shown has left; below 0 the objective was missed in"
                " it. Choose 30 days to see the budget of a month.",
                "percentunit",
                left,
            ).decimals(0),
            0,
        ),
        figure(
            "Requests",
            "Calls, and texts of streams, that end in a second, whatever their outcome.",
            "reqps",
            rate("dragoman_requests_total"),
        ),
        too_high(
            figure(
                "Latency, p97",
                "97 % of the requests answered with OK took no longer. Refused ones are not in it:"
                " look at them too.",
                "s",
                quantile(0.97, LATENCY),
            ),
            OBJECTIVE_SECONDS,
        ),
        too_high(
            figure(
                "Refused for overload",
                "Share of the requests that were refused at once because there is more to do than"
                " can be done.",
                "percentunit",
                refused,
            ).decimals(1),
            BUDGET,
        ),
        figure("Replicas", "Servers that are scraped and have a model loaded.", "short", replicas),
    ]


def requests() -> list[Graph]:
    """Returns how many requests there are, how they end and how long they take."""
    in_time = rate(f"{LATENCY}_bucket", IN_TIME)
    burn = f"(1 - {in_time} / {counted(rate)}) / {BUDGET:g}"
    percentiles = (
        Query(quantile(share, LATENCY), f"p{100 * share:g}") for share in (0.5, 0.9, 0.97, 0.99)
    )
    return [
        coloured(
            stacked(
                lines(
                    "Requests by outcome",
                    "By gRPC status code. RESOURCE_EXHAUSTED is overload, INTERNAL a bug of ours;"
                    " INVALID_ARGUMENT, NOT_FOUND and CANCELLED are the clients' doing.",
                    "reqps",
                    Query(rate("dragoman_requests_total", by="code"), "{{code}}"),
                )
            ),
            {
                "OK": "green",
                "RESOURCE_EXHAUSTED": "orange",
                "DEADLINE_EXCEEDED": "yellow",
                "UNAVAILABLE": "purple",
                "INTERNAL": "red",
            },
        ),
        bounded(
            lines(
                "Burn rate of the error budget",
                "Requests refused, failed or slower than 250 ms, as a multiple of the 3 % allowed."
                " 1 is just sustainable, 33 is everything. Half an hour above 10 is a page.",
                "none",
                Query(burn, "times the budget"),
            ),
            FAST_BURN,
        ),
        bounded(
            lines(
                "Latency",
                "From a request's arrival to its answer, of those answered with OK. A call of many"
                " texts counts once, and is slow by nature.",
                "s",
                *percentiles,
            ),
            OBJECTIVE_SECONDS,
        ),
        heat_map(
            "Latency, by bucket",
            "How many requests were answered in what time. Two bands are two kinds of requests,"
            " say single texts and large calls; a band that rises is a queue that grows.",
            "s",
            f"sum by (le) (increase({selected(f'{LATENCY}_bucket')}[$__rate_interval]))",
        ),
        stacked(
            lines(
                "Requests by model",
                "Those that end in a second, whatever their outcome; without a name those that were"
                " refused before anybody knew which model they mean.",
                "reqps",
                Query(rate("dragoman_requests_total", by="model"), "{{model}}"),
            )
        ),
        lines(
            "Latency by model, p97",
            "Of the requests answered with OK. Busy models share the cores, each step by step: one"
            " that gets slower with another's load needs a larger weight or a server of its own.",
            "s",
            Query(quantile(0.97, LATENCY, by="model"), "{{model}}"),
        ),
        _failures(),
        stacked(
            lines(
                "Where a text's time goes",
                "Mean time that a translated text waited, was encoded and was decoded. A queue that"
                " dominates asks for replicas, decoding for a smaller model or more cores.",
                "s",
                Query(mean("dragoman_request_queue_seconds"), "queue"),
                Query(mean("dragoman_request_encode_seconds"), "encode"),
                Query(mean("dragoman_request_decode_seconds"), "decode"),
            )
        ),
        bounded(
            lines(
                "Time in the queue",
                "How long texts waited for an engine. Above 250 ms the objective is missed before"
                " the translation begins.",
                "s",
                Query(quantile(0.5, "dragoman_request_queue_seconds"), "p50"),
                Query(quantile(0.97, "dragoman_request_queue_seconds"), "p97"),
            ),
            OBJECTIVE_SECONDS,
        ),
        lines(
            "Time to first token",
            "From a text's arrival to its first token: queue, encoder and one decoding step.",
            "s",
            Query(quantile(0.5, "dragoman_time_to_first_token_seconds"), "p50"),
            Query(quantile(0.97, "dragoman_time_to_first_token_seconds"), "p97"),
        ),
        lines(
            "Time per output token",
            "Mean time between the tokens of a text. It grows with the rows of a step, and where"
            " the processors are shared with others.",
            "s",
            Query(quantile(0.5, "dragoman_time_per_output_token_seconds"), "p50"),
            Query(quantile(0.97, "dragoman_time_per_output_token_seconds"), "p97"),
        ),
    ]


def _failures() -> timeseries.Panel:
    other_reasons = 'reason!="REJECTED"'
    return lines(
        "Refusals and failures",
        "Refusals for overload by cause, failures by reason, and texts that expired in the queue."
        " BACKEND and OTHER belong in a bug report.",
        "reqps",
        Query(rate("dragoman_refusals_total", by="cause"), "{{cause}}"),
        Query(rate("dragoman_request_failures_total", other_reasons, by="reason"), "{{reason}}"),
        Query(rate("dragoman_requests_expired_total"), "expired in the queue"),
    )
