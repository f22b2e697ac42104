"""Words of a text in another that has some of them changed."""

from dragoman_server.service.relocation import Relocation


def where(given: str, other: str, word: str) -> str | None:
    place = Relocation(given, other).of(given.index(word))
    return None if place is None else other[place[0] : place[1]]


def test_what_is_the_same_is_found_behind_what_is_not() -> None:
    given, other = "open X47 and close it", "open {the file} and close it"
    assert where(given, other, "open") == "open"
    assert where(given, other, "close") == "close"


def test_all_that_stands_in_place_of_a_word_is_its_place() -> None:
    assert where("see X47.", "see https://a.example/b?c=d.", "X47") == "https://a.example/b?c=d"


def test_what_is_dropped_is_nowhere() -> None:
    assert Relocation("a b c", "a c").of(2) is None


def test_of_what_is_put_in_nothing_is_moved_wrongly() -> None:
    assert where("Öffne nun", "Öffne {file} nun", "nun") == "nun"
