"""`make demo`: starts a server on a bundle, translates a dozen sentences, shows metrics, stops.

Everything it does goes through the public surface: the `dragoman serve` command, the client and
the /metrics page.
"""

import argparse
import json
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table

from dragoman import Client

SENTENCES = [
    "Good morning!",
    "Where is the nearest train station?",
    "I would like a cup of coffee, please.",
    "She has been learning German for two years.",
    "Do you know what time it is?",
    "We missed the last bus and had to walk home.",
    "My brother works in a hospital.",
    "It is raining, so take an umbrella.",
    "Can you help me carry this suitcase?",
    "The children are playing in the garden.",
    "I have never seen such a beautiful sunset.",
    "Thank you very much for your help.",
]

# The samples of /metrics that are shown: name without prefix, labels, and what they mean.
METRICS: tuple[tuple[str, dict[str, str], str], ...] = (
    ("requests_total", {"code": "OK"}, "calls answered"),
    ("source_tokens_total", {}, "source tokens"),
    ("target_tokens_total", {}, "target tokens"),
    ("steps_total", {"phase": "encode"}, "encoding steps"),
    ("steps_total", {"phase": "decode"}, "decoding steps"),
    ("batch_rows_sum", {}, "rows in all decoding steps"),
    ("requests_running", {}, "texts running now"),
    ("kv_cache_bytes", {}, "bytes of KV cache"),
)


def start_server(bundle: Path) -> tuple[subprocess.Popen[str], dict[str, str]]:
    """Starts `dragoman serve` on free ports; returns it and its `ready` log line.

    Raises:
        SystemExit: the server did not start; its log is printed.
    """
    command = Path(sys.executable).with_name("dragoman")
    options = ["--bundle", str(bundle), "--port", "0", "--prometheus-port", "0"]
    server = subprocess.Popen(
        [command, "serve", *options], stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    assert server.stderr is not None
    log = []
    for line in server.stderr:
        log.append(line)
        event = json.loads(line) if line.startswith("{") else {}
        if event.get("event") == "ready":
            return server, event
    raise SystemExit(f"the server did not start:\n{''.join(log)}")


def show_translations(console: Console, address: str, sentences: list[str]) -> None:
    """Translates the sentences and prints them beside their sources."""
    table = Table("English", "German", "score", title=f"{len(sentences)} sentences in one call")
    with Client(address) as client:
        started = time.perf_counter()
        translations = client.translate(
            sentences, source_language_code="en", target_language_code="de"
        )
        seconds = time.perf_counter() - started
    for text, translation in zip(sentences, translations, strict=True):
        table.add_row(text, translation.translated_text, f"{translation.score:.2f}")
    console.print(table)
    console.print(f"{len(sentences)} sentences in {seconds * 1000:.0f} ms, text to text\n")


def show_metrics(console: Console, address: str) -> None:
    """Scrapes /metrics and prints some of it."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as page:
        families = text_string_to_metric_families(page.read().decode())
    samples = [sample for family in families for sample in family.samples]
    table = Table("dragoman_...", "value", "meaning", title=f"http://{address}/metrics")
    for name, labels, meaning in METRICS:
        value = sum(
            sample.value
            for sample in samples
            if sample.name == f"dragoman_{name}" and labels.items() <= sample.labels.items()
        )
        told = ",".join(f'{label}="{of}"' for label, of in labels.items())
        table.add_row(f"{name}{{{told}}}" if told else name, f"{value:,.0f}", meaning)
    console.print(table)


def stop_server(server: subprocess.Popen[str]) -> int:
    """Sends SIGTERM, waits for the drain and returns the exit code."""
    server.send_signal(signal.SIGTERM)
    server.communicate(timeout=60)
    return server.returncode


def main() -> int:
    """Runs the demonstration; returns the server's exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundle", type=Path, required=True, help="directory of the bundle")
    parser.add_argument("--sentences", type=Path, help="other English sentences, one a line")
    arguments = parser.parse_args()
    bundle, file = arguments.bundle, arguments.sentences
    sentences = SENTENCES if file is None else file.read_text(encoding="utf-8").splitlines()
    console = Console()
    console.print(f"starting a server on {bundle} ...")
    server, ready = start_server(bundle)
    try:
        console.print(f"listening on {ready['address']}\n")
        show_translations(console, ready["address"], sentences)
        show_metrics(console, ready["metrics_address"])
    finally:
        code = stop_server(server)
    console.print(f"\nSIGTERM: the server drained and left with exit code {code}")
    console.print("next: `source .venv/bin/activate` for the command `dragoman`, then `make serve`")
    return code


if __name__ == "__main__":
    raise SystemExit(main())
