"""How engines are spread over processes that are asked for."""

from typing import Any

import pytest

from dragoman_server.config import Config
from dragoman_server.errors import ConfigError
from dragoman_server.hosted import layout_of
from dragoman_server.runtime.layout import Layout
from dragoman_server.runtime.runtimes import Chosen


def chosen(provider: str = "cpu") -> Chosen:
    return Chosen("onnxruntime", None, provider)  # type: ignore[arg-type]


def config(**settings: Any) -> Config:
    return Config(bundle=("unread",), **settings)


@pytest.mark.parametrize(
    ("settings", "layout"),
    [
        ({}, Layout(8, 1)),
        ({"threads_per_engine": 2}, Layout(4, 2)),
        ({"engines": 5, "threads_per_engine": 2}, Layout(5, 2)),
    ],
)
def test_processes_share_the_engines_that_there_would_be(
    settings: dict[str, int], layout: Layout
) -> None:
    assert layout_of(config(**settings), 2, chosen(), cores=8, is_alone=True) == layout


@pytest.mark.parametrize(
    ("processes", "provider", "is_alone", "message"),
    [
        (2, "cuda", True, "only engines on cpu may have processes"),
        (2, "cpu", False, "with several models"),
        (9, "cpu", True, "engine_processes 9 are more than the 8 engines"),
    ],
)
def test_processes_that_cannot_be_are_refused(
    processes: int, provider: str, is_alone: bool, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        layout_of(config(), processes, chosen(provider), cores=8, is_alone=is_alone)
