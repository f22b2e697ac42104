"""Language codes made to be looked up for ever: refused by their length, whoever waits beside."""

from pathlib import Path

import pytest

from dragoman import Client, InvalidArgumentError, NotFoundError
from tests.attacks.harness import LightCallers, Server

TIMES = 50
MOST_GROWTH = 20_000_000

LONG = "-".join(["de"] * 1500)
LONGEST = "-".join(["ab"] * 12)  # as long as a code may be


def test_they_cost_nobody_an_answer(float32_bundle: Path) -> None:
    with Server(float32_bundle) as server, Client(server.address) as client:
        client.translate("the cat")
        before = server.rss_bytes()
        with LightCallers(server.address) as beside:
            for number in range(TIMES):
                for code, error in ((LONG, InvalidArgumentError), (LONGEST, NotFoundError)):
                    with pytest.raises(error):
                        client.translate(
                            "a",
                            source_language_code=code,
                            target_language_code=code,
                            timeout=60,  # one of them took 27 s: the test's time would end first
                        )
                with pytest.raises(NotFoundError):
                    client.translate("a", target_language_code=f"fr-x-{number}")
        assert (beside.report.wrong, beside.report.errors) == (0, {})
        assert server.rss_bytes() - before < MOST_GROWTH
