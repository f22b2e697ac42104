import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dragoman_server.engine.classes import Classes
from dragoman_server.engine.load import BULK_SHARE
from dragoman_server.engine.sender import Priority, Sender
from dragoman_server.sequence import Sequence
from tests.server.engine.fakes import sequence

BULK = Sender("bulk", priority=Priority.BULK)


def take(classes: Classes) -> Sequence:
    lane = classes.next(None)
    assert lane is not None
    sequence = lane.first
    classes.take(lane)
    return sequence


def test_what_is_interactive_goes_before_bulk() -> None:
    classes = Classes()
    bulk, interactive = sequence([1]), sequence([2])
    classes.put([bulk], BULK)
    classes.put([interactive], Sender("a"))
    assert [take(classes), take(classes)] == [interactive, bulk]
    assert classes.next(None) is None


def test_bulk_has_its_share_while_it_waits() -> None:
    classes = Classes()
    chance = random.Random(1)
    done: Counter[Priority] = Counter()
    classes.put([sequence([1], steps=chance.randrange(1, 40)) for _ in range(500)], BULK)
    for index in range(2000):
        sender = Sender(f"caller {index % 7}")
        classes.put([sequence([1], steps=chance.randrange(1, 40))], sender)
        lane = classes.next(None)
        assert lane is not None
        done[lane.priority] += classes.take(lane).steps
    assert done[Priority.BULK] / done.total() == pytest.approx(BULK_SHARE, rel=0.05)


def test_a_long_text_of_bulk_has_its_turn_too() -> None:
    classes = Classes()
    longest = sequence([1], rows=16, steps=1000)
    classes.put([longest], BULK)
    taken = []
    for _ in range(2000):
        classes.put([sequence([1], steps=20)], Sender("a"))
        taken.append(take(classes))
    assert longest in taken


def test_bulk_is_not_owed_for_the_time_before_it_came() -> None:
    classes = Classes()
    for _ in range(100):
        classes.put([sequence([1], steps=100)], Sender("a"))
        take(classes)
    bulk, interactive = sequence([1], steps=100), sequence([2], steps=100)
    classes.put([bulk], BULK)
    classes.put([interactive], Sender("a"))
    assert take(classes) is interactive


def test_only_texts_of_some_callers_may_go() -> None:
    classes = Classes()
    texts = {name: sequence([1]) for name in "abc"}
    for name, text in texts.items():
        classes.put([text], Sender(name))
    classes.put([sequence([1])], BULK)
    lane = classes.next(["c", "nobody"])
    assert lane is not None
    assert lane.first is texts["c"]
    assert classes.next(["nobody"]) is None
    assert classes.next(dict.fromkeys(map(str, range(99)))) is None


@given(st.sampled_from([(1.0, 3.0), (0.5, 1.5), (2.0, 6.0)]), st.integers(0, 99))
def test_work_is_shared_by_weight_where_all_always_have_some_waiting(
    weights: tuple[float, float], seed: int
) -> None:
    classes, chance = Classes(), random.Random(seed)
    senders = [Sender(str(index), weight=weight) for index, weight in enumerate(weights)]
    for sender in senders:
        classes.put([sequence([1], steps=chance.randrange(1, 30)) for _ in range(400)], sender)
    done: Counter[str] = Counter()
    for _ in range(400):
        lane = classes.next(None)
        assert lane is not None
        done[lane.caller] += classes.take(lane).steps
    assert done["1"] / done["0"] == pytest.approx(3, rel=0.1)


def test_a_text_that_nobody_wants_leaves_its_callers_lane_whichever_class_it_is_of() -> None:
    classes = Classes()
    kept, unwanted, bulk = (sequence([1], rows=2) for _ in range(3))
    classes.put([kept, unwanted], Sender("a"))
    classes.put([bulk], BULK)
    for text, priority in ((unwanted, Priority.INTERACTIVE), (bulk, Priority.BULK)):
        lane = classes.remove(text)
        assert lane is not None
        assert lane.priority is priority
        assert classes.remove(text) is None
    assert (classes.sequences, classes.rows, len(classes)) == ([kept], 2, 1)
