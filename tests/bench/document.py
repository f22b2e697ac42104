"""Writes what the benchmarks found into docs/performance.md, and draws its pictures.

python -m tests.bench.document build/bench/offline.json build/bench/latency.json ...
"""

import argparse
from pathlib import Path

from tests.bench.bar_charts import draw_latency, draw_offline
from tests.bench.growth_chart import draw_growth
from tests.bench.load_chart import draw_load
from tests.bench.page import (
    Results,
    growth_picture,
    latency_picture,
    load_picture,
    offline_picture,
    render,
    replace,
)

ROOT = Path(__file__).parents[2]
"""Not from `tests.bench.models`, which needs extra `bench`: its own tests do without."""


def draw(results: Results, images: Path) -> None:
    """Writes every picture that the page shows."""
    for offline in results.offline:
        for model in offline.models:
            contenders = [c for c in offline.contenders if c.model == model]
            draw_offline(contenders, images / offline_picture(model))
    for latency in results.latency:
        for model in latency.models:
            streams = [stream for stream in latency.streams if stream.model == model]
            draw_latency(streams, images / latency_picture(model))
    for load in results.load:
        for contest in load.contests:
            draw_load(contest, images / load_picture(contest))
    for growth in results.growth:
        for sweep, curves in growth.sweeps.items():
            draw_growth(sweep, curves, images / growth_picture(sweep))


def main() -> None:
    """Replaces the page's generated part."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add("reports", type=Path, nargs="+", help="what --json of the benchmarks wrote")
    add("--page", type=Path, default=ROOT / "docs/performance.md", help="it has the two markers")
    arguments = parser.parse_args()
    page, results = arguments.page, Results.read(arguments.reports)
    text = replace(page.read_text("utf-8"), render(results, "images"))
    draw(results, page.parent / "images")
    page.write_text(text, "utf-8")
    print(f"{page}, {page.parent / 'images'}")


if __name__ == "__main__":
    main()
