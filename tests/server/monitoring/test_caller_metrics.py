"""What is counted of callers, and how many of them there may be."""

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from dragoman_server.monitoring import CallerEnded, Metrics
from dragoman_server.monitoring.caller_metrics import MOST_CONFIGURED, MOST_OF_TOKENS, OTHERS

Samples = dict[tuple[str, tuple[str, ...]], float]

TRANSLATED = CallerEnded("acme", "bulk", "OK", times=2, texts=5, code_points=64, target_tokens=19)


def page(metrics: Metrics) -> Samples:
    """What a scrape shows of callers, by name and labels, less what Prometheus adds."""
    families = text_string_to_metric_families(generate_latest(metrics.registry).decode())
    return {
        (sample.name.removeprefix("dragoman_caller_"), tuple(sample.labels.values())): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith("dragoman_caller_") and sample.name.endswith("_total")
    }


def callers(metrics: Metrics) -> set[str]:
    return {labels[0] for _, labels in page(metrics)}


def counted(*ended: CallerEnded) -> Metrics:
    metrics = Metrics()
    for each in ended:
        metrics.record(each)
    return metrics


def test_where_nobody_says_who_calls_there_are_no_series() -> None:
    assert page(Metrics()) == {}


def test_what_a_caller_had_is_counted() -> None:
    refused = CallerEnded("acme", "", "RESOURCE_EXHAUSTED", "RATE_LIMITED", times=3)
    failed = CallerEnded("acme", "interactive", "INTERNAL")
    listed = CallerEnded("acme", "", "OK")
    assert page(counted(TRANSLATED, refused, failed, TRANSLATED, listed)) == {
        ("requests_total", ("acme", "OK", "bulk")): 4,
        ("requests_total", ("acme", "RESOURCE_EXHAUSTED", "")): 3,
        ("requests_total", ("acme", "INTERNAL", "interactive")): 1,
        ("requests_total", ("acme", "OK", "")): 1,
        ("refusals_total", ("acme", "RATE_LIMITED")): 3,
        ("texts_total", ("acme", "bulk")): 10,
        ("code_points_total", ("acme", "bulk")): 128,
        ("target_tokens_total", ("acme", "bulk")): 38,
    }


@pytest.mark.parametrize(
    ("prefix", "most"), [("jwt:user", MOST_OF_TOKENS), ("name", MOST_CONFIGURED)]
)
def test_names_without_end_have_one_label(prefix: str, most: int) -> None:
    names = [f"{prefix}{number}" for number in range(most + 50)]
    metrics = counted(*(TRANSLATED._replace(caller=name) for name in names))
    assert callers(metrics) == {*names[:most], OTHERS}
    metrics.record(TRANSLATED._replace(caller=names[0]))
    series = page(metrics)
    assert series["texts_total", (OTHERS, "bulk")] == 50 * 5
    assert series["texts_total", (names[0], "bulk")] == 2 * 5


def test_names_of_tokens_take_no_room_from_those_of_the_key_file() -> None:
    tokens = (TRANSLATED._replace(caller=f"jwt:{number}") for number in range(5000))
    metrics = counted(*tokens, TRANSLATED)
    assert len(callers(metrics)) == MOST_OF_TOKENS + 2
    assert "acme" in callers(metrics)


def test_a_name_is_whatever_a_token_says() -> None:
    name = 'jwt:a"b\\c{d="e"}, ünï 1'
    assert callers(counted(TRANSLATED._replace(caller=name))) == {name}
