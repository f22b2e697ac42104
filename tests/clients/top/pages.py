"""Pages of metrics as a server gives them."""

HEAD = """\
# HELP dragoman_requests_running Texts that are being encoded or decoded.
# TYPE dragoman_requests_running gauge
"""


def histogram(name: str, model: str, counts: dict[str, int], total: float = 0.0) -> str:
    """A histogram with these counts, up to each bound."""
    lines = [
        f'dragoman_{name}_bucket{{le="{bound}",model="{model}"}} {count}.0'
        for bound, count in counts.items()
    ]
    last = list(counts.values())[-1]
    lines += [
        f'dragoman_{name}_{what}{{model="{model}"}} {value}'
        for what, value in (("count", last), ("sum", total))
    ]
    return "\n".join(lines)


def callers(requests: dict[str, int], limited: int = 0) -> str:
    """Of callers who had so many requests, each of two texts of bulk and one of 20 tokens beside.

    The first was refused so many others, for a limit of its own.
    """
    lines = []
    for name, count in requests.items():
        label = f'caller="{name}"'
        lines += [
            f'dragoman_caller_requests_total{{{label},code="OK",priority="bulk"}} {count}.0',
            f'dragoman_caller_requests_total{{{label},code="OK",priority="interactive"}} {count}.0',
            f'dragoman_caller_texts_total{{{label},priority="bulk"}} {2 * count}.0',
            f'dragoman_caller_texts_total{{{label},priority="interactive"}} {count}.0',
            f'dragoman_caller_target_tokens_total{{{label},priority="interactive"}} {20 * count}.0',
        ]
    label = f'caller="{next(iter(requests))}"'
    code = 'code="RESOURCE_EXHAUSTED",priority=""'
    lines += [
        f"dragoman_caller_requests_total{{{label},{code}}} {limited}",
        f'dragoman_caller_refusals_total{{{label},cause="RATE_LIMITED"}} {limited}',
    ]
    return "\n" + "\n".join(lines)


def page(requests: int = 0, refused: int = 0, unread: int = 0, cpu: float = 0.0) -> str:
    """Of a server with one model that has had so many requests, of 20 tokens and 75 ms each."""
    each = {"0.05": 0, "0.1": requests, "+Inf": requests}
    return HEAD + "\n".join(
        [
            'dragoman_requests_running{model="en-de"} 12.0',
            'dragoman_requests_waiting{model="en-de"} 3.0',
            'dragoman_kv_cache_usage_ratio{model="en-de"} 0.25',
            'dragoman_predicted_seconds{model="en-de"} 0.125',
            'dragoman_model_info{model="en-de",version="2",provider="cpu"} 1.0',
            f'dragoman_requests_total{{code="OK",model="en-de"}} {requests}.0',
            f'dragoman_requests_total{{code="RESOURCE_EXHAUSTED",model="en-de"}} {refused}.0',
            f'dragoman_requests_total{{code="RESOURCE_EXHAUSTED",model=""}} {unread}.0',
            f'dragoman_refusals_total{{cause="QUEUE_FULL",model="en-de"}} {refused}.0',
            f'dragoman_refusals_total{{cause="QUEUE_FULL",model=""}} {unread}.0',
            f'dragoman_target_tokens_total{{model="en-de"}} {20 * requests}.0',
            histogram("request_latency_seconds", "en-de", each),
            histogram("request_queue_seconds", "en-de", each),
            histogram("request_decode_seconds", "en-de", each),
            histogram("batch_rows", "en-de", {"8.0": requests, "+Inf": requests}, 6.0 * requests),
            "dragoman_log_lines_lost_total 0.0",
            "dragoman_spans_lost_total 7.0",
            f"process_cpu_seconds_total {cpu}",
            "process_resident_memory_bytes 3.221225472e+09",
        ]
    )
