from pathlib import Path

from tests.bench.arithmetic import Sizes, multiply_adds

SIZES = Sizes(
    encoder_layers=2,
    decoder_layers=3,
    model_dim=10,
    encoder_feed_forward=40,
    decoder_feed_forward=20,
    vocabulary=50,
)


def test_linear_layers_are_counted_once_a_token() -> None:
    # query, key, value, output; up, down; cross-attention's keys and values
    assert SIZES.source_token == 2 * (4 * 100 + 2 * 400) + 3 * 2 * 100
    # query, key, value, output; cross-attention's query and output; up, down; the vocabulary
    assert SIZES.target_token == 3 * (6 * 100 + 2 * 200) + 500


def test_attention_is_counted_by_what_it_looks_at() -> None:
    assert SIZES.encoder(4) - 4 * SIZES.source_token == 2 * 2 * 10 * 4 * 4
    # Three target tokens look at 1, 2 and 3 of themselves and at 4 of the source, twice over
    assert SIZES.decoder(4, 3) - 3 * SIZES.target_token == 2 * 3 * 10 * (1 + 2 + 3 + 3 * 4)


def test_every_hypothesis_is_decoded_and_every_source_encoded_once() -> None:
    expected = SIZES.encoder(4) + SIZES.encoder(5) + 4 * (SIZES.decoder(4, 3) + SIZES.decoder(5, 6))
    assert multiply_adds(SIZES, [(4, 3), (5, 6)], beam_size=4) == expected


def test_sizes_are_read_from_a_checkpoint() -> None:
    checkpoint = Path(__file__).parents[2] / "export/checkpoints/marian-en-de"
    assert Sizes.read(checkpoint) == Sizes(4, 2, 256, 1024, 1024, 8000)
