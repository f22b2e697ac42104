"""What a hypothesis has said of what it must say."""

import numpy as np

from dragoman_server.search.requirements import Progress, Requirements
from dragoman_server.search.search import unknown_continuations
from dragoman_server.sequence import RequiredSequence

NEW, YORK, TIMES, ED, HOUSE = 1, 2, 3, 4, 5


def required(
    *alternatives: tuple[int, ...], whole: bool = False, only: bool = False
) -> RequiredSequence:
    return RequiredSequence(alternatives, whole, only)


def after(requirements: Requirements, *tokens: int) -> Progress:
    progress = Progress()
    for token in tokens:
        progress = requirements.after(progress, token)
    return progress


def of(*wanted: RequiredSequence) -> Requirements:
    return Requirements(wanted, unknown_continuations)


def test_tokens_count_only_one_after_the_other() -> None:
    requirements = of(required((NEW, YORK)))
    assert requirements.left(after(requirements, NEW)).missing == 1
    assert requirements.left(after(requirements, NEW, 9)).missing == 2
    assert requirements.left(after(requirements, NEW, 9, YORK)).missing == 2
    assert requirements.left(after(requirements, NEW, NEW, YORK)).missing == 0


def test_a_beginning_within_a_beginning_is_not_missed() -> None:
    requirements = of(required((NEW, NEW, YORK)))
    assert requirements.left(after(requirements, NEW, NEW, NEW, YORK)).missing == 0


def test_any_alternative_will_do() -> None:
    requirements = of(required((NEW, YORK), (HOUSE,)))
    assert requirements.left(Progress()).missing == 1
    assert requirements.left(after(requirements, HOUSE)).missing == 0
    assert requirements.left(after(requirements, NEW, YORK)).missing == 0
    assert set(requirements.left(Progress()).wanted) == {NEW, HOUSE}


def test_what_is_required_twice_is_to_be_said_twice() -> None:
    requirements = of(required((HOUSE,)), required((HOUSE,)))
    assert requirements.left(after(requirements, HOUSE)).missing == 1
    assert requirements.left(after(requirements, HOUSE, HOUSE)).missing == 0


def test_within_a_longer_one_the_shorter_is_not_said() -> None:
    requirements = of(required((YORK,)), required((NEW, YORK)), required((NEW, YORK, TIMES)))
    assert requirements.left(after(requirements, NEW, YORK, TIMES)).missing == 3
    assert requirements.left(after(requirements, NEW, YORK, TIMES, NEW, YORK, 9, YORK)).missing == 0
    assert requirements.left(after(requirements, YORK, NEW, YORK, TIMES, NEW, YORK)).missing == 0


def test_what_must_be_a_whole_word_is_undone_by_what_goes_on_with_it() -> None:
    continues = np.zeros(9, np.bool_)
    continues[ED] = True
    requirements = Requirements((required((HOUSE,), whole=True),), lambda: continues)
    assert requirements.left(after(requirements, HOUSE)).bank == 0
    assert requirements.left(after(requirements, HOUSE, NEW, ED)).bank == 0
    assert requirements.left(after(requirements, HOUSE, ED)).bank == 2
    assert requirements.left(after(requirements, HOUSE, ED, HOUSE)).bank == 0


def test_one_too_many_is_noticed_where_it_matters() -> None:
    for only in (False, True):
        requirements = of(required((HOUSE,), only=only))
        assert not after(requirements, HOUSE).is_over
        assert after(requirements, HOUSE, HOUSE).is_over is only


def test_banks_tell_what_is_met_and_begun() -> None:
    requirements = of(required((NEW, YORK)), required((HOUSE,)))
    banks = [
        requirements.left(after(requirements, *said)).bank for said in ((), (NEW,), (NEW, YORK))
    ]
    assert banks == [4, 3, 2]
    assert requirements.left(after(requirements, NEW, YORK, HOUSE)).bank == 0
