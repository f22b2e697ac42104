"""A real bundle's graph of attention weights over finished translations."""

import functools
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from dragoman_server.errors import BackendError, ConfigError, InvalidArgumentError
from dragoman_server.models.bundle import Bundle
from dragoman_server.runtime import attention_runner, runners
from dragoman_server.runtime.attention_runner import (
    AttentionRunner,
    AttentionSession,
    check_attention,
)
from dragoman_server.runtime.attention_session import load_attention
from dragoman_server.runtime.device import DeviceKind, OrtDevice
from dragoman_server.runtime.pytorch import loading
from dragoman_server.runtime.runtimes import choose
from dragoman_server.sequence import (
    Attention,
    Completion,
    Finished,
    FinishReason,
    TranslationOptions,
)

OPTIONS = TranslationOptions(100, return_alignment=True, return_attention=True)
PAIRS = [([3, 4, 5, 0], [6, 7]), ([6, 0], []), ([7, 8, 9, 10, 11, 12, 0], [9] * 13), ([5, 0], [3])]


def finished(
    source: list[int],
    target: list[int],
    options: TranslationOptions = OPTIONS,
    reason: FinishReason = FinishReason.STOP,
) -> Finished:
    return Finished(source, options, Completion(target, reason, None))


@pytest.fixture(scope="module", params=["float32", "int8", "torchscript"])
def runner(request: pytest.FixtureRequest) -> AttentionRunner:
    bundle = Bundle.load(request.getfixturevalue(f"{request.param}_bundle"))
    runtime = choose(bundle.manifest, "auto", "cpu").runtime
    return AttentionRunner(bundle, functools.partial(runtime.attention_session, provider="cpu"))


def on(device: OrtDevice) -> Callable[[Bundle], AttentionSession]:
    return functools.partial(load_attention, device=device)


def told(runner: AttentionRunner, *texts: Finished) -> list[Attention]:
    outcomes = runner.run(texts)
    assert all(isinstance(outcome, Attention) for outcome in outcomes)
    return [outcome for outcome in outcomes if isinstance(outcome, Attention)]


def test_each_gets_the_weights_of_its_own_tokens(runner: AttentionRunner) -> None:
    texts = [finished(source, target) for source, target in PAIRS]
    for (source, target), found in zip(PAIRS, told(runner, *texts), strict=True):
        length, said = len(source), len(target) + 1
        assert found.alignment is not None
        assert found.alignment.shape == (len(target), length)
        assert found.encoder is not None
        assert found.encoder.shape == (2, 2, length, length)
        assert found.decoder is not None
        assert found.decoder.shape == (2, 4, said, said)
        assert found.cross is not None
        assert found.cross.shape == (2, 4, said, length)
        for weights in (found.alignment, found.encoder, found.decoder, found.cross):
            np.testing.assert_allclose(weights.sum(axis=-1), 1, atol=1e-5)
        assert not np.triu(found.decoder, 1).any()


def test_no_text_depends_on_its_neighbours(runner: AttentionRunner) -> None:
    texts = [finished(source, target) for source, target in PAIRS]
    for text, beside in zip(texts, told(runner, *texts), strict=True):
        (alone,) = told(runner, text)
        for one, other in zip(alone, beside, strict=True):
            assert one is not None
            assert other is not None
            np.testing.assert_allclose(one, other, atol=1e-6)


def test_the_alignment_is_the_mean_of_the_heads_that_the_bundle_names(bundle: Path) -> None:
    loaded = Bundle.load(bundle)
    chosen = loaded.manifest.alignment_heads
    chosen.layer, chosen.heads[:] = 1, [0, 2]
    for after in (False, True):
        chosen.after_token = after
        (found,) = told(AttentionRunner(loaded, load_attention), finished(*PAIRS[0]))
        assert found.cross is not None
        rows = slice(1, None) if after else slice(None, -1)
        expected = found.cross[1, [0, 2], rows].mean(axis=0)
        assert found.alignment is not None
        np.testing.assert_allclose(found.alignment, expected, atol=1e-6)


def test_what_was_not_asked_for_is_not_there(runner: AttentionRunner) -> None:
    aligned, weighed = told(
        runner,
        finished([5, 0], [4], TranslationOptions(9, return_alignment=True)),
        finished([5, 0], [4], TranslationOptions(9, return_attention=True)),
    )
    assert aligned.alignment is not None
    assert aligned[1:] == (None, None, None)
    assert weighed.alignment is None
    assert weighed.cross is not None


def test_a_translation_without_an_end_has_no_step_that_says_it(runner: AttentionRunner) -> None:
    (found,) = told(runner, finished([5, 6, 0], [4, 3], reason=FinishReason.LENGTH))
    assert found.cross is not None
    assert found.cross.shape[2] == 2
    assert found.alignment is not None
    assert len(found.alignment) == 2


def test_what_is_more_than_may_be_told_is_refused_alone(
    runner: AttentionRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention_runner, "MOST_WEIGHTS", 1000)
    small, large, other = runner.run(
        [finished([5, 0], [4]), finished([5] * 20, [4] * 20), finished([6, 0], [4])]
    )
    assert isinstance(small, Attention)
    assert isinstance(other, Attention)
    assert isinstance(large, InvalidArgumentError)
    assert large.reason == "ATTENTION_TOO_LARGE"
    assert "a text of 20 source and 20 target tokens" in str(large)


def test_an_alignment_has_a_most_number_of_tokens(bundle: Path) -> None:
    manifest, options = Bundle.load(bundle).manifest, TranslationOptions(9, return_alignment=True)
    check_attention(manifest, 1024, 1024, options)
    for source, target in ((1025, 1), (1, 1025)):
        with pytest.raises(InvalidArgumentError, match="at most 1024 of each"):
            check_attention(manifest, source, target, options)


def test_torch_takes_the_callers_own_thread(torchscript_bundle: Path) -> None:
    bundle = Bundle.load(torchscript_bundle)
    load = functools.partial(loading.attention_session, provider="cpu")
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        told(AttentionRunner(bundle, load), finished(*PAIRS[0]))
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


def test_a_device_says_what_the_cpu_says(float32_bundle: Path, stand_in_bundle: Path) -> None:
    texts = [finished(source, target) for source, target in PAIRS]
    ordinary, stand_in = Bundle.load(float32_bundle), Bundle.load(stand_in_bundle)
    ordinary.manifest.alignment_heads.CopyFrom(stand_in.manifest.alignment_heads)
    expected = told(AttentionRunner(ordinary, load_attention), *texts)
    found = told(AttentionRunner(stand_in, on(OrtDevice("cpu"))), *texts)
    for one, other in zip(found, expected, strict=True):
        for ours, theirs in zip(one, other, strict=True):
            assert ours is not None
            assert theirs is not None
            np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_what_is_made_for_a_device_runs_there_and_what_is_not_on_the_cpu(
    float32_bundle: Path, stand_in_bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[DeviceKind] = []

    class Stand(OrtDevice):
        def __init__(self, kind: DeviceKind) -> None:
            super().__init__("cpu")
            self.kind = kind

        def session(self, path: Path) -> onnxruntime.InferenceSession:
            asked.append(self.kind)
            return super().session(path)

    monkeypatch.setattr(runners, "OrtDevice", Stand)
    for bundle, provider, expected in (
        (float32_bundle, "cpu", []),
        (float32_bundle, "cuda", []),
        (stand_in_bundle, "cuda", ["cuda"]),
    ):
        asked.clear()
        load = functools.partial(runners.attention_session, provider=provider)
        told(AttentionRunner(Bundle.load(bundle), load), finished(*PAIRS[0]))
        assert asked == expected


def test_a_device_that_does_not_start_is_said(stand_in_bundle: Path) -> None:
    class Dead(OrtDevice):
        def session(self, path: Path) -> onnxruntime.InferenceSession:
            raise ConfigError(f"no device for {path.name}")

    runner = AttentionRunner(Bundle.load(stand_in_bundle), on(Dead("cpu")))
    with pytest.raises(BackendError, match=r"cannot be loaded: no device for attention\.onnx"):
        runner.run([finished([5, 0], [4])])


def test_a_bundle_that_changed_since_is_not_read(float32_bundle: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(float32_bundle, tmp_path / "bundle"))
    runner = AttentionRunner(Bundle.load(copy), load_attention)
    shutil.rmtree(copy)
    with pytest.raises(BackendError, match="changed while being loaded"):
        runner.run([finished([5, 0], [4])])


def test_once_it_is_loaded_nothing_more_is_read(float32_bundle: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(float32_bundle, tmp_path / "bundle"))
    runner = AttentionRunner(Bundle.load(copy), load_attention)
    (before,) = told(runner, finished(*PAIRS[0]))
    (copy / "weights.bin").write_bytes(b"")
    (after,) = told(runner, finished(*PAIRS[0]))
    np.testing.assert_array_equal(before.cross, after.cross)
