"""What the dashboard shows of who asks: by class, interactive or bulk, and by caller.

Knows the metrics by caller and class. Does not know how panels look.
"""

from grafana_foundation_sdk.builders import timeseries

from deploy.dashboards.panels import Query, coloured, lines, stacked
from deploy.dashboards.queries import rate, selected, total

CLASSES = {"interactive": "green", "bulk": "purple"}

WHERE_KNOWN = " Of callers who must say who they are."

MOST_CALLERS = 10
"""That a panel shows."""

FAILED = 'code!~"OK|RESOURCE_EXHAUSTED"'
"""Neither translated nor refused for overload."""


def by_caller_class() -> list[timeseries.Panel]:
    """Returns how much each class and the busiest callers ask for and get."""
    running = [Query(each, f"{name} running") for name, each in _by_class("running")]
    waiting = [Query(each, f"{name} waiting") for name, each in _by_class("waiting")]
    texts, refusals = "dragoman_caller_texts_total", "dragoman_caller_refusals_total"
    return [
        _classes(
            lines(
                "Texts by class",
                "Translated in a second. Bulk has what interactive leaves, and at least a tenth."
                + WHERE_KNOWN,
                "suffix:texts/s",
                Query(rate(texts, by="priority"), "{{priority}}"),
            )
        ),
        lines(
            "Running and waiting by class",
            "Texts in the engines and in the queue, whoever asks. Bulk that waits beside little"
            " that is interactive is held back for light callers; interactive that waits is what"
            " users feel.",
            "short",
            *running,
            *waiting,
        ),
        _classes(
            lines(
                "Tokens by class",
                "Target tokens of translated texts: the work done for each class." + WHERE_KNOWN,
                "suffix:tok/s",
                Query(rate("dragoman_caller_target_tokens_total", by="priority"), "{{priority}}"),
            )
        ),
        lines(
            "Texts of the busiest callers",
            "Translated in a second, of the ten with the most. One who has most of them shares"
            " the engines fairly with the others, but what he needs is capacity all the same."
            + WHERE_KNOWN,
            "suffix:texts/s",
            Query(_most(rate(texts, by="caller")), "{{caller}}"),
        ),
        lines(
            "Refusals by caller",
            "RATE_LIMITED is the caller's own limit in the key file or token; all else is overload,"
            " which meets those first who have most waiting." + WHERE_KNOWN,
            "reqps",
            Query(_most(rate(refusals, by="caller, cause")), "{{caller}} {{cause}}"),
        ),
        lines(
            "Other failures by caller",
            "Requests that ended neither with OK nor with a refusal, by gRPC status code."
            " INVALID_ARGUMENT, NOT_FOUND and CANCELLED are the caller's doing." + WHERE_KNOWN,
            "reqps",
            Query(
                _most(rate("dragoman_caller_requests_total", FAILED, by="caller, code")),
                "{{caller}} {{code}}",
            ),
        ),
    ]


def _by_class(what: str) -> list[tuple[str, str]]:
    """Returns the texts of each class that are running or waiting."""
    bulk = total(selected(f"dragoman_bulk_requests_{what}"))
    everything = total(selected(f"dragoman_requests_{what}"))
    # They are read one after the other.
    return [("interactive", f"clamp_min({everything} - {bulk}, 0)"), ("bulk", bulk)]


def _classes(panel: timeseries.Panel) -> timeseries.Panel:
    return coloured(stacked(panel), CLASSES)


def _most(expression: str) -> str:
    return f"topk({MOST_CALLERS}, {expression})"
