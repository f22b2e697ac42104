"""What a server answers in time that is asked for more than it can do, from the same cores.

    python -m tests.bench.overload --bundle DIR --rates 500 1000 2000 5000

Prints, for each rate: answers in time, refusals with their 99th percentile, calls given up at their
deadline, each by the second; the generator's share of a core, and the server's memory; and how long
the slowest of some sentences takes a second after it ends, or that an answer is not what it was
before.
"""

import argparse
import time
from pathlib import Path

from dragoman import Client, Translation
from tests.attacks.harness import Server
from tests.bench.open_loop import EXPIRED, OK, run
from tests.bench.origin import Origin, load_average
from tests.bench.tables import text_table

REFUSED = "8"
WARM_UP_SECONDS = 4.0
AFTER_SECONDS = 1.0
SENTENCES = (
    "Where is the nearest train station, please?",
    "The cat sleeps.",
    "It is raining again.",
)


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("--bundle", type=Path, required=True)
    add("--rates", type=float, nargs="+", required=True, help="sentences a second, the peak first")
    add("--seconds", type=float, default=8.0, help="of each rate")
    add("--deadline", type=float, default=0.25, help="of each call, in seconds; 0 for none")
    add("--connections", type=int, default=4)
    add("--workers", type=int, default=0, help="front-end processes of the server")
    arguments = parser.parse_args()
    deadline = arguments.deadline or None
    rows = []
    loads = [load_average()]
    with (
        Server(arguments.bundle, workers=arguments.workers) as server,
        Client(server.address) as client,
    ):
        right = client.translate(SENTENCES)
        run(server.address, arguments.rates[0] / 2, WARM_UP_SECONDS, deadline, 4)
        for rate in arguments.rates:
            ends, cpu = run(
                server.address, rate, arguments.seconds, deadline, arguments.connections
            )
            counts = [ends.count(status) for status in (OK, REFUSED, EXPIRED)]
            rows.append(
                [
                    f"{rate:,.0f}",
                    *(f"{count / arguments.seconds:,.0f}" for count in counts),
                    f"{ends.quantile(OK, 0.99) * 1000:.0f}",
                    f"{ends.quantile(REFUSED, 0.99) * 1000:.0f}",
                    f"{cpu / arguments.seconds:.2f}",
                    f"{server.rss_bytes() / 1e6:.0f}",
                    _after(client, right),
                ]
            )
    loads.append(load_average())
    origin = Origin.here("tests.bench.overload", ("grpcio", "onnxruntime"), loads)
    print(origin.heading("one sentence", 1))
    columns = ["asked/s", "in time/s", "refused/s", "given up/s", "p99 ms", "refused p99 ms"]
    print(text_table([*columns, "generator's cores", "server MB", "ms after"], rows))


def _after(client: Client, right: list[Translation]) -> str:
    time.sleep(AFTER_SECONDS)
    slowest = 0.0
    for sentence, translation in zip(SENTENCES, right, strict=True):
        began = time.monotonic()
        if client.translate(sentence) != translation:
            return "WRONG"
        slowest = max(slowest, time.monotonic() - began)
    return f"{slowest * 1000:.0f}"


if __name__ == "__main__":
    main()
