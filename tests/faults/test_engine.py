"""What runs the model fails under load: who was in it is told, and nobody else notices."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from dragoman import Client, QueueFullError, ServerError, UnavailableError
from tests.faults.footprint import footprint, is_calm, left_over, until
from tests.faults.harness import Callers, Faulty


def _has_more(callers: Callers, than: int) -> bool:
    return len(callers.errors) > than


@pytest.fixture
def server(float32_bundle: Path, tmp_path: Path) -> Iterator[Faulty]:
    with Faulty(float32_bundle, tmp_path) as faulty:
        yield faulty


def events(server: Faulty) -> list[str]:
    return [json.loads(line)["event"] for line in server.log if line.startswith("{")]


@pytest.mark.parametrize("graph", ["encoder", "decoder"])
def test_a_run_that_raises_fails_who_was_in_it_alone(server: Faulty, graph: str) -> None:
    with Callers(server.address, 4).at_it():
        pass
    assert is_calm(server)
    before = footprint(server)
    callers = Callers(server.address, 8)
    with callers.at_it():
        for _ in range(5):
            assert until(lambda: len(callers.ended) > 20 * (len(callers.errors) + 1), 60)
            failed = len(callers.errors)
            server.tell(f"fail {graph} 1")
            assert until(partial(_has_more, callers, failed), 60)
        ended = len(callers.ended)
        assert until(lambda: len(callers.ended) > ended + 50, 60)
    assert {(type(each), each.reason) for each in callers.errors} == {
        (ServerError, "BACKEND_FAILED")
    }
    assert len(callers.errors) <= 5 * 8
    assert callers.wrong == []
    assert is_calm(server)
    assert left_over(server, before) is None
    assert events(server).count("step_failed") == 5


@pytest.mark.parametrize("graph", ["encoder", "decoder"])
def test_no_memory_for_a_step_is_told_as_such_and_tried_again(server: Faulty, graph: str) -> None:
    with Client(server.address) as client:
        right = client.translate("the cat")
        server.tell(f"starve {graph} 1")
        with (
            Client(server.address, retry_seconds=0) as impatient,
            pytest.raises(QueueFullError) as caught,
        ):
            impatient.translate("the cat")
        assert (caught.value.reason, caught.value.retry_after) == ("OUT_OF_MEMORY", 1.0)
        server.tell(f"starve {graph} 1")
        assert client.translate("the cat") == right
    assert is_calm(server)


def test_a_server_whose_engine_is_killed_answers_every_call_and_leaves(server: Faulty) -> None:
    callers = Callers(server.address, 8)
    with callers.at_it():
        assert until(lambda: len(callers.ended) > 50, 60)
        server.tell("kill engine")
        assert server.process.wait(timeout=60) == 1
    last = json.loads(server.log[-1])
    assert (last["event"], last["reason"], last["exit_code"]) == ("stopped", "engine_died", 1)
    assert "engine_thread_died" in events(server)
    assert callers.wrong == []
    kinds = {type(each) for each in callers.errors}
    assert ServerError in kinds
    assert all(issubclass(kind, ServerError | UnavailableError) for kind in kinds)
