"""The tests that docs/security.md shows a reviewer are there."""

import json
import re
from pathlib import Path

import pytest

from dragoman_server.access.keys import Keys
from dragoman_server.access.permissions import Grant

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text("utf-8")
TABLE = PAGE.partition("## For a security reviewer")[2]
ROWS = [line for line in TABLE.splitlines() if line.startswith("| ")][1:]
SHOWN = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", TABLE)


def test_every_row_names_a_test() -> None:
    assert len(ROWS) > 20
    for row in ROWS:
        assert re.search(r"`tests/[\w/]+\.py::test_\w+`", row.split("|")[3]), row


@pytest.mark.parametrize(("path", "name"), SHOWN)
def test_it_is_there(path: str, name: str) -> None:
    assert re.search(rf"^(async )?def {name}\(", (ROOT / path).read_text("utf-8"), re.MULTILINE)


def test_the_entries_that_the_page_shows_are_read() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    keys = Keys.read(example, "docs/security.md")
    batch = keys.of_certificate(["spiffe://example.org/batch"], 0.0)
    assert batch is not None
    assert batch.weight == 0.5


def test_the_claim_that_the_page_shows_grants_something() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    granted = Grant.model_validate(json.loads(example)["dragoman"]).principal("jwt:acme")
    assert granted.may_use("marian-en-de")
