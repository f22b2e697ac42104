from pathlib import Path

import pytest

from dragoman_export.alignment.gold import GoldPair, error_rate, read_gold
from dragoman_export.errors import UsageError

GOLD = Path(__file__).with_name("gold_en_de.tsv")


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_file_has_texts_as_people_write_them_and_links_of_their_words(tmp_path: Path) -> None:
    path = write(tmp_path / "gold.tsv", "Yes , ( he ) came .\tJa , er kam .\t0-0 1-1 3-2 5p3 6-4")
    (pair,) = read_gold(path)
    assert (pair.source, pair.target) == ("Yes, (he) came.", "Ja, er kam.")
    assert [pair.source[slice(*span)] for span in pair.source_words] == [
        "Yes",
        ",",
        "(",
        "he",
        ")",
        "came",
        ".",
    ]
    assert pair.sure == {(0, 0), (1, 1), (3, 2), (6, 4)}
    assert pair.possible == pair.sure | {(5, 3)}


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("a\tb", "gold.tsv:1 has 2 columns; it takes 3"),
        ("a\tb\t0-1", "has the link '0-1'; allowed: 0-0 or 0p0 to 0-0"),
        ("a\tb\t0:0", "has the link '0:0'"),
        ("a\tb\t0p0", "has no sure link"),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, line: str, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        read_gold(write(tmp_path / "gold.tsv", line))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read --alignment-gold"):
        read_gold(tmp_path / "gold.tsv")


def test_error_rate_is_that_of_och_and_ney() -> None:
    sure = frozenset({(0, 0), (1, 1)})
    gold = GoldPair("a b", "c d", [(0, 1), (2, 3)], [(0, 1), (2, 3)], sure, sure | {(0, 1)})
    assert error_rate([(gold, sure)]) == 0
    assert error_rate([(gold, gold.possible)]) == 0
    assert error_rate([(gold, frozenset())]) == 1
    # one sure and one wrong link: 1 - (1 + 1) / (2 + 2)
    assert error_rate([(gold, frozenset({(0, 0), (1, 0)}))]) == 0.5


def test_the_alignment_made_for_the_tests_is_sound() -> None:
    pairs = read_gold(GOLD)
    assert len(pairs) == 70
    assert sum(len(pair.possible) for pair in pairs) == 609
    for pair in pairs:  # hardly a word that nothing stands for
        for side, words in enumerate((pair.source_words, pair.target_words)):
            linked = {link[side] for link in pair.possible}
            assert len(words) - len(linked) <= 1, pair
