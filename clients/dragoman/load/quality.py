"""BLEU and chrF of what the server said. Knows sacrebleu, and nothing of load tests."""

from collections.abc import Mapping, Sequence

from sacrebleu.metrics import BLEU, CHRF

from dragoman.load.result import Quality


def measure_quality(translations: Mapping[int, str], references: Sequence[str]) -> Quality | None:
    """Compares the translations that there are; None where there are none.

    Args:
        translations: By index of the sentence.
        references: Of all sentences.
    """
    if not translations:
        return None
    indices = sorted(translations)
    said = [translations[index] for index in indices]
    meant = [[references[index] for index in indices]]
    bleu, chrf = BLEU(), CHRF()
    return Quality(
        bleu=bleu.corpus_score(said, meant).score,
        bleu_signature=str(bleu.get_signature()),
        chrf=chrf.corpus_score(said, meant).score,
        chrf_signature=str(chrf.get_signature()),
        texts=len(indices),
    )
