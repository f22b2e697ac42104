"""The Python that README and docs/moving.md show, as it stands there, against a real server."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dragoman import Client
from tests.integration.conftest import Bundles
from tests.integration.served import Served

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)

for package in ("deepl", "google.cloud.translate_v3", "libretranslatepy", "openai", "riva.client"):
    pytest.importorskip(package)


@pytest.fixture(scope="module")
def served(bundles: Bundles) -> Iterator[Served]:
    with Served(bundles["int8"], interfaces="google,riva", http_port=0, engines=1) as served:
        yield served


def said(page: str, served: Served, directory: Path) -> list[str]:
    """Runs all of a page's blocks in one program, at this server's addresses."""
    (directory / "book.en").write_text("Good morning!\nIt is raining.\n")
    blocks = "\n".join(BLOCK.findall((ROOT / page).read_text("utf-8")))
    over_http = served.event("ready")["http_address"]
    program = re.sub(r"(dragoman|127\.0\.0\.1):50051", served.address, blocks)
    program = program.replace("127.0.0.1:8000", str(over_http))
    command = [sys.executable, "-W", "ignore", "-c", program]
    ended = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.splitlines()


def test_each_client_of_the_readme_says_what_ours_says(served: Served, tmp_path: Path) -> None:
    with Client(served.address) as client:
        ours = [
            each.translated_text for each in client.translate(["Good morning!", "It is raining."])
        ]
    first, *book_and_others = said("README.md", served, tmp_path)
    assert first.startswith("Wo ist der nächste Bahnhof? ")
    assert book_and_others == ours + [ours[0]] * 5


def test_what_the_page_of_existing_clients_shows_runs(served: Served, tmp_path: Path) -> None:
    with Client(served.address) as client:
        ours = client.translate("The weather is nice.").translated_text
    assert said("docs/moving.md", served, tmp_path) == [ours] * 2
