"""The demo's table of metrics, of a server that has translated."""

from io import StringIO
from pathlib import Path

from rich.console import Console

from dragoman import Client
from examples.demo import METRICS, show_metrics
from tests.integration.served import Served


def test_it_shows_what_the_server_has_counted(float32_bundle: Path) -> None:
    said = StringIO()
    with Served(float32_bundle, engines=1) as served:
        with Client(served.address) as client:
            client.translate("a b c", max_decoding_length=4)
        show_metrics(Console(file=said, width=120), served.metrics_address)
    rows = [line.split("\u2502")[1:4] for line in said.getvalue().splitlines() if "\u2502" in line]
    shown = {meaning.strip(): value.strip() for _, value, meaning in rows}
    assert shown.keys() == {meaning for _, _, meaning in METRICS}
    assert shown.pop("texts running now") == "0"
    assert "0" not in shown.values()
