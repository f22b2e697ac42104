"""Figures as tables for a terminal, and as JSON.

Knows rich, and how numbers are best read. Does not know where they come from.
"""

import math
from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from dragoman.top.figures import CallerFigures, ModelFigures, ServerFigures

MIB, GIB = 1 << 20, 1 << 30

FEW = 10
"""So many and more are shown without tenths."""

_MODEL_COLUMNS = (
    *("running", "waiting", "rows", "used", "req/s", "refused/s", "texts/s", "tokens/s"),
    *("p50", "p97", "queue p97", "predicted"),
)

_CALLER_COLUMNS = ("req/s", "refused/s", "texts/s", "of bulk", "tokens/s")


def as_tables(servers: Sequence[ServerFigures]) -> RenderableType:
    """Returns what is shown of servers."""
    callers = any(server.callers for server in servers)
    between = (_callers(servers), Text()) if callers else ()
    return Group(_models(servers), Text(), *between, _servers(servers))


def as_json(servers: Iterable[ServerFigures]) -> list[dict[str, object]]:
    """Returns the same for scripts, with the names of the figures."""
    return [
        server._asdict()
        | {
            "models": [model._asdict() for model in server.models],
            "callers": [caller._asdict() for caller in server.callers],
        }
        for server in servers
    ]


def _models(servers: Sequence[ServerFigures]) -> Table:
    table = _table("model", *_MODEL_COLUMNS)
    is_one = len(servers) == 1
    for server in servers:
        for model in server.models:
            name = model.model or "(none)"
            if model.versions:
                name = f"{name}@{','.join(model.versions)}"
            cells = _cells(model)
            table.add_row(Text(name if is_one else f"{server.address} {name}"), *cells)
    return table


def _callers(servers: Sequence[ServerFigures]) -> Table:
    table = _table("caller", *_CALLER_COLUMNS)
    is_one = len(servers) == 1
    for server in servers:
        before = "" if is_one else f"{server.address} "
        for caller in server.callers:
            table.add_row(Text(f"{before}{caller.caller}"), *_caller_cells(caller))
        if server.callers_left_out:
            table.add_row(Text(f"{before}({server.callers_left_out} more)", style="dim"))
    return table


def _caller_cells(caller: CallerFigures) -> Iterable[str]:
    yield _count(caller.requests_per_second)
    yield _refused(caller.refusals_per_second)
    yield _count(caller.texts_per_second)
    yield _count(caller.bulk_texts_per_second)
    yield _count(caller.tokens_per_second)


def _cells(model: ModelFigures) -> Iterable[str]:
    yield from map(_count, (model.running, model.waiting, model.rows))
    yield "" if model.rows_used is None else f"{model.rows_used:.0%}"
    yield _count(model.requests_per_second)
    yield _refused(model.refusals_per_second)
    yield from map(_count, (model.texts_per_second, model.tokens_per_second))
    yield from map(_seconds, (model.latency_p50, model.latency_p97, model.queue_p97))
    yield _seconds(model.predicted or None)


def _servers(servers: Sequence[ServerFigures]) -> Table:
    table = _table("server", "cores", "memory", "log lines lost", "spans lost", "")
    for server in servers:
        table.add_row(
            Text(server.address),
            "" if server.cpu is None else f"{server.cpu:.2f}",
            _bytes(server.memory),
            _count(server.log_lines_lost),
            _count(server.spans_lost),
            Text(server.problem, style="red"),
        )
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right" if name else "left", no_wrap=True)
    return table


def _refused(number: float | None) -> str:
    return f"[red]{_count(number)}[/]" if number else _count(number)


def _count(number: float | None) -> str:
    if number is None:
        return ""
    if number < FEW:
        return f"{number:.1f}".removesuffix(".0")
    return f"{number:,.0f}"


def _seconds(seconds: float | None) -> str:
    if seconds is None or math.isnan(seconds):
        return ""
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def _bytes(number: float | None) -> str:
    if number is None:
        return ""
    return f"{number / GIB:.1f} GiB" if number >= GIB else f"{number / MIB:.0f} MiB"
