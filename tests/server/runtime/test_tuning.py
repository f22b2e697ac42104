"""A real bundle's graphs in several layouts: what is taken has its threads, the rest is let go."""

import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnxruntime
import pytest

from dragoman_server.models.bundle import Bundle
from dragoman_server.runtime import tuning
from dragoman_server.runtime.layout import Layout


class FakeTrial:
    """In place of a Trial, where so many engines are the fastest."""

    def __init__(self, fastest: int) -> None:
        self._fastest = fastest
        self._engines = 0

    def __call__(self, runners: Sequence[object], rows: int, token_id: int) -> "FakeTrial":
        del rows, token_id
        made = FakeTrial(self._fastest)
        made._engines = len(runners)
        return made

    def rows_per_second(self, seconds: float) -> float:
        del seconds
        return 2.0 if self._engines == self._fastest else 1.0


class CountedSessions:
    """In place of onnxruntime.InferenceSession: remembers which were loaded, and holds none."""

    def __init__(self) -> None:
        self.loaded: list[tuple[str, weakref.ref[Any]]] = []
        self._load = onnxruntime.InferenceSession

    def __call__(self, path: Path, *arguments: object, **more: object) -> object:
        session = self._load(path, *arguments, **more)
        self.loaded.append((path.stem, weakref.ref(session)))
        return session


@pytest.mark.parametrize(
    ("fastest", "layout", "loads"),
    [
        (2, Layout(2, 1), ["encoder", "decoder", "decoder"]),
        (1, Layout(1, 2), ["encoder", "decoder", "decoder", "encoder"]),
    ],
)
def test_the_fastest_layout_is_taken_and_of_the_others_nothing_stays(
    bundle: Path,
    monkeypatch: pytest.MonkeyPatch,
    fastest: int,
    layout: Layout,
    loads: list[str],
) -> None:
    sessions = CountedSessions()
    monkeypatch.setattr(tuning, "Trial", FakeTrial(fastest))
    monkeypatch.setattr(onnxruntime, "InferenceSession", sessions)
    chosen, taken = tuning.load_tuned(Bundle.load(bundle), cores=2, engines=None, threads=None)
    assert chosen == layout
    graphs = (taken.encoder, taken.decoder)
    threads = [each.get_session_options().intra_op_num_threads for each in graphs]
    assert threads == [layout.threads, layout.threads]
    assert [name for name, _ in sessions.loaded] == loads
    alive = {id(session) for _, each in sessions.loaded if (session := each()) is not None}
    assert alive == {id(each) for each in graphs}
