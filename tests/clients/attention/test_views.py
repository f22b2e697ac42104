import pytest

from dragoman.attention.views import Chosen, shown, views
from tests.clients.attention.weights import SOURCE, TARGET, attention


def test_each_kind_has_its_words() -> None:
    encoder, decoder, cross = views(attention())
    assert (encoder.queries, encoder.keys) == (SOURCE, SOURCE)
    assert (cross.queries, cross.keys) == (TARGET, SOURCE)
    assert decoder.queries == TARGET
    assert decoder.keys == ("⟨start⟩", *TARGET[:-1])  # what each step has read
    assert [view.title.split("-")[0] for view in (encoder, decoder, cross)] == [
        "Encoder self",
        "Decoder self",
        "Cross",
    ]


def test_words_are_as_many_as_weights() -> None:
    for view in views(attention(("a", "b"), ("c",), layers=3, heads=5)):
        assert view.weights.shape == (3, 5, len(view.queries), len(view.keys))
        assert (view.layers, view.heads) == (3, 5)


def test_a_recurrent_decoder_does_not_attend_to_itself() -> None:
    assert [view.kind for view in views(attention(recurrent=True))] == ["encoder", "cross"]


def test_a_heads_rows_are_its_own() -> None:
    made = attention(("a", "b", "c"), ("d", "e"))
    rows = Chosen(views(made)[2], 1, [2]).rows(2)
    first = (1 * 4 + 2) * 2 * 3
    assert rows == [list(made.cross.values[at : at + 3]) for at in (first, first + 3)]
    assert sum(rows[1]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("heads", "words"),
    [
        ([0, 1, 2, 3], "layer 1 of 2, all 4 heads"),
        ([3], "layer 1 of 2, head 4"),
        ([0, 2], "layer 1 of 2, heads 1, 3"),
    ],
)
def test_what_is_chosen_is_counted_from_one(heads: list[int], words: str) -> None:
    assert Chosen(views(attention())[0], 0, heads).words == words


def test_tokens_are_shown_on_one_line() -> None:
    assert shown("▁Straße") == "▁Straße"
    assert shown("👩\u200d🚀") == "👩\u200d🚀"
    assert shown("a\n\u200b") == "a\\u000a\\u200b"
