from pathlib import Path

import numpy as np

from dragoman_export.growth.bundle import MeasuredBundle
from dragoman_export.growth.sessions import options, session
from dragoman_export.growth.step import TimedStep, step_inputs


def test_a_step_is_one_row_half_way_through_a_translation(bundle: Path) -> None:
    decoder = session(MeasuredBundle.read(bundle).decoder, options(1))
    inputs = step_inputs(decoder, 24)
    assert set(inputs) == {value.name for value in decoder.get_inputs()}
    assert [int(inputs[name][0]) for name in ("positions", "source_last")] == [12, 23]
    assert inputs["self_key_0"].shape[2] == inputs["cross_key_0"].shape[2] == 24
    ids, logits = decoder.run(["candidate_ids", "candidate_logits"], inputs)
    assert np.shape(ids) == (1, 1)
    assert np.isfinite(logits).all()


def test_steps_of_every_length_are_timed(bundle: Path) -> None:
    decoder = TimedStep(MeasuredBundle.read(bundle).decoder, 1)
    assert all(decoder.seconds(length, at_least=0.001) > 0 for length in (2, 64, 7))
