"""What of a call's metadata names a trace, and what does not."""

import pytest

from dragoman_server.monitoring.trace_context import TraceContext, read_trace

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


def test_the_standards_own_example_is_read() -> None:
    headers = [("user-agent", "x"), ("traceparent", f"00-{TRACE}-{SPAN}-01")]
    assert read_trace(headers) == TraceContext(TRACE, SPAN, is_sampled=True)


def test_who_does_not_keep_it_says_so() -> None:
    read = read_trace([("traceparent", f"00-{TRACE}-{SPAN}-00"), ("tracestate", "a=1,b=2")])
    assert read == TraceContext(TRACE, SPAN, is_sampled=False, state="a=1,b=2")


def test_a_later_version_may_say_more() -> None:
    assert read_trace([("traceparent", f"01-{TRACE}-{SPAN}-03-more")]) is not None


@pytest.mark.parametrize(
    "value",
    [
        "",
        "00",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-01-more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-01\n",
        b"\xff" * 55,
    ],
)
def test_what_is_not_valid_is_no_trace(value: str | bytes) -> None:
    assert read_trace([("traceparent", value)]) is None


def test_without_the_header_there_is_no_trace() -> None:
    assert read_trace([("tracestate", "a=1")]) is None
