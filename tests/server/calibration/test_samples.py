import pytest

from dragoman_server.calibration.samples import Scorer
from dragoman_server.confidence.features import Said, WordFeatures
from dragoman_server.confidence.words import SaidWord

SAID = Said([-0.1], 1, 1)


def words(text: str) -> list[SaidWord]:
    begin, found = 0, []
    for word in text.split():
        begin = text.index(word, begin)
        found.append(SaidWord(begin, begin + len(word), WordFeatures(0, 0, 0)))
        begin += len(word)
    return found


def test_a_word_is_shared_as_often_as_the_other_translation_has_it() -> None:
    text = "die Katze und die Katze und"
    sample = Scorer().sample(SAID, text, words(text), "Die Katze, die Maus und die Katze.")
    assert [word.is_shared for word in sample.words] == [True, True, True, True, True, False]


def test_chrf_is_that_of_the_whole_translation() -> None:
    scorer = Scorer()
    assert scorer.sample(SAID, "Guten Tag.", [], "Guten Tag.").chrf == pytest.approx(1)
    assert scorer.sample(SAID, "xyz", [], "Guten Tag.").chrf == 0
    near = scorer.sample(SAID, "Gute Tage.", [], "Guten Tag.").chrf
    assert 0.2 < near < 0.8
