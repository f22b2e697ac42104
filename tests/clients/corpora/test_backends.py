"""Both backends on one real model: they say the same of every line, bit for bit."""

from pathlib import Path

import pytest

from dragoman.commands.lines import Line
from dragoman.corpora.backends.backend import Backend
from dragoman.corpora.backends.service import Service
from dragoman.corpora.errors import JobError
from dragoman.corpora.translate import Translated, translate_lines
from dragoman.errors import DragomanError, InvalidArgumentError, NotFoundError, ServerError
from dragoman.options import Options
from dragoman_server.in_process import InProcess
from tests.clients.fake_server import FakeServer
from tests.integration.served import Served

LINES = [
    Line(text)
    for text in ("the small cat", "", "a\0b", "the house by the river " * 40, "\u2028", "12 foxes")
]
OPTIONS = [
    Options(return_scores=False),
    Options(segmentation="none", return_scores=False),
    Options(max_decoding_length=5, return_scores=False),
    Options(sampling_topk=5, seed=7, return_scores=False),
]


def said(backend: Backend, options: Options) -> Translated:
    with backend.open() as translator:
        return translate_lines(LINES, 1, translator, options)


def service(target: str) -> Service:
    return Service(target, certificates=None, concurrency=16, timeout=60.0)


def test_a_service_and_engines_in_the_process_say_the_same(float32_bundle: Path) -> None:
    here = InProcess(float32_bundle, engines=1)
    with Served(float32_bundle, engines=1) as server:
        there = service(server.address)
        for options in OPTIONS:
            assert said(here, options) == said(there, options)
        model = there.identify(Options())
    assert here.identify(Options()).items() > model.items()
    for options, failed in zip(
        OPTIONS, (1, 2), strict=False
    ):  # the long one, where it is not split
        tally = said(here, options).tally
        assert (tally.lines, tally.empty, tally.failed) == (6, 2, failed)


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        (Options(beam_size=99), InvalidArgumentError),
        (Options(model="other"), NotFoundError),
        (Options(target_language_code="fr"), NotFoundError),
    ],
)
def test_what_is_wrong_with_all_lines_is_raised(
    float32_bundle: Path, options: Options, kind: type[DragomanError]
) -> None:
    with pytest.raises(kind):
        said(InProcess(float32_bundle, engines=1), options)


def test_a_bundle_that_is_none_is_said_so(tmp_path: Path) -> None:
    backend = InProcess(tmp_path, engines=1)
    with pytest.raises(ServerError, match=str(tmp_path)):
        backend.identify(Options())
    with pytest.raises(ServerError, match=str(tmp_path)):
        said(backend, Options())


def test_a_model_that_the_server_lacks_is_said_so() -> None:
    with (
        FakeServer() as server,
        pytest.raises(JobError, match=r"must name one model of .*; it has none of that name"),
    ):
        service(server.target).identify(Options(model="other"))
