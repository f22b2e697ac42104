"""One checkpoint on both runtimes, side by side in one server with front ends of its own."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from dragoman import Client, Translation
from dragoman.options import TranslateOptions
from tests.integration.bundles import copy_bundle
from tests.integration.served import Served
from tests.integration.waiting import until

TEXTS = ["the small cat sat on the mat", "a", "where does the long road go", "Monday, 12 foxes"]

OPTIONS: dict[str, TranslateOptions] = {
    "greedy": {"return_token_scores": True},
    "beam": {"beam_size": 4, "length_penalty": 0.6},
    "alternatives": {"beam_size": 5, "num_hypotheses": 3, "return_token_scores": True},
    "prefix": {"target_prefix": "the river", "no_repeat_ngram_size": 2},
    "penalty": {"repetition_penalty": 1.4, "suppress_sequences": ["the"]},
    "hard terms": {"glossary_entries": {"cat": "house", "road": "river"}, "glossary_mode": "hard"},
    "alignment": {"return_alignment": True, "beam_size": 2},
    "hard terms, beams": {"glossary_entries": {"cat": "fox"}, "beam_size": 3},
}

CLOSE = 1e-4


class Both(NamedTuple):
    """A server with the model of either runtime, called as the runtime is."""

    server: Served
    client: Client
    directory: Path


@pytest.fixture(scope="module")
def both(
    float32_bundle: Path, torchscript_bundle: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Both]:
    directory = tmp_path_factory.mktemp("models")
    copy_bundle(float32_bundle, directory / "onnxruntime", "onnxruntime")
    copy_bundle(torchscript_bundle, directory / "torch", "torch")
    settings = {"engines": 1, "max_batch_size": 12, "models_poll_seconds": 0.05, "workers": 1}
    with (
        Served(None, models=directory, **settings) as server,
        Client(server.address) as client,
    ):
        yield Both(server, client, directory)


def asked(model: str, kind: str = "greedy") -> TranslateOptions:
    return {**OPTIONS[kind], "model": model, "max_decoding_length": 20}


def told(translation: Translation) -> dict[str, Any]:
    """What does not depend on the model's name; scores are compared by their values."""
    fields = asdict(translation)
    del fields["model"], fields["model_version"]
    return fields


def check_same(found: object, expected: object) -> None:
    if isinstance(expected, float):
        assert found == pytest.approx(expected, abs=CLOSE)
    elif isinstance(expected, dict):
        assert isinstance(found, dict)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            check_same(found[name], value)
    elif isinstance(expected, list | tuple):
        assert isinstance(found, list | tuple)
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            check_same(one, other)
    else:
        assert found == expected


@pytest.mark.parametrize("kind", OPTIONS)
def test_they_say_the_same(both: Both, kind: str) -> None:
    expected, found = (
        both.client.translate(TEXTS, **asked(name, kind)) for name in ("onnxruntime", "torch")
    )
    check_same([told(each) for each in found], [told(each) for each in expected])
    assert len({each.translated_text for each in found}) > 1


def test_they_say_the_same_beside_whatever_else_is_asked(both: Both) -> None:
    kinds = [(kind, text) for kind in OPTIONS for text in TEXTS]

    def ask(model: str, kind: str, text: str) -> Translation:
        return both.client.translate(text, **asked(model, kind))

    with ThreadPoolExecutor(len(kinds)) as threads:
        expected, found = (
            [threads.submit(ask, model, *each) for each in kinds]
            for model in ("onnxruntime", "torch")
        )
        for one, other in zip(found, expected, strict=True):
            check_same(told(one.result()), told(other.result()))


@pytest.mark.parametrize("beam_size", [1, 3])
def test_they_say_it_in_the_same_steps(both: Both, beam_size: int) -> None:
    expected, found = (
        list(
            both.client.translate_incrementally(
                TEXTS[0], model=name, beam_size=beam_size, max_decoding_length=12
            )
        )
        for name in ("onnxruntime", "torch")
    )
    assert isinstance(expected[-1], Translation)
    assert isinstance(found[-1], Translation)
    assert found[-1].translated_text == expected[-1].translated_text
    begun = [step for step in found if isinstance(step, str)]
    assert begun
    if beam_size == 1:
        assert all(found[-1].translated_text.startswith(step) for step in begun)


def test_they_attend_to_the_same_words(both: Both) -> None:
    expected, found = (
        both.client.translate(TEXTS[0], model=name, return_attention=True)
        for name in ("onnxruntime", "torch")
    )
    assert expected.attention is not None
    assert found.attention is not None
    for weights in ("encoder", "decoder", "cross"):
        one, other = getattr(found.attention, weights), getattr(expected.attention, weights)
        assert one.shape == other.shape
        np.testing.assert_allclose(one.values, other.values, atol=1e-5)


def test_both_are_told_and_counted_alike(both: Both) -> None:
    for name in ("onnxruntime", "torch"):
        both.client.translate(TEXTS, model=name)
    models = {model.name: (model.runtime, model.provider) for model in both.client.models()}
    assert models == {name: (name, "cpu") for name in ("onnxruntime", "torch")}
    for name in models:
        assert both.server.metric("model_info", model=name, runtime=name) == 1
        for counted in ("requests_total", "target_tokens_total", "batch_rows_count", "engines"):
            assert both.server.metric(counted, model=name) > 0
    assert both.server.metric("kv_cache_bytes", model="torch") > 0
    assert both.server.metric("request_failures_total") == 0


def test_a_model_changes_its_runtime_and_no_request_notices(
    both: Both, float32_bundle: Path, torchscript_bundle: Path
) -> None:
    name, place = "changing", both.directory / "changing"
    stop = threading.Event()

    def put(bundle: Path) -> None:
        copy_bundle(bundle, both.directory / ".new", name)
        if place.exists():
            place.rename(both.directory / ".old")
        (both.directory / ".new").rename(place)

    def ask() -> list[Translation]:
        return both.client.translate(TEXTS, **asked(name))

    def ask_on() -> list[list[Translation]]:
        answers = []
        while not stop.is_set():
            answers.append(ask())
        return answers

    def runtime() -> str:
        return {model.name: model.runtime for model in both.client.models()}.get(name, "")

    put(torchscript_bundle)
    until(lambda: runtime() == "torch")
    expected = [told(each) for each in ask()]
    with ThreadPoolExecutor(1) as thread:
        answers = thread.submit(ask_on)
        put(float32_bundle)
        until(lambda: runtime() == "onnxruntime")
        stop.set()
    for answer in [*answers.result(), ask()]:
        check_same([told(each) for each in answer], expected)
