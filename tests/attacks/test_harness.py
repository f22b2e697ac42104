"""The harness itself: what it says of a server in peace, and of one that is gone."""

from pathlib import Path

from tests.attacks.harness import LightCallers, Server


def test_callers_of_a_server_in_peace_have_right_answers(float32_bundle: Path) -> None:
    with Server(float32_bundle) as server:
        assert 10e6 < server.rss_bytes() < 1e9
        with LightCallers(server.address, callers=2) as callers:
            pass
    assert callers.report.calls >= 2
    assert callers.report.p99_seconds > 0
    assert (callers.report.wrong, callers.report.errors) == (0, {})


def test_callers_of_a_server_that_goes_away_say_so(float32_bundle: Path) -> None:
    with Server(float32_bundle) as server, LightCallers(server.address) as callers:
        server.process.kill()
        server.process.wait()
    assert callers.report.errors
    assert all(error.startswith("UNAVAILABLE: ") for error in callers.report.errors)
