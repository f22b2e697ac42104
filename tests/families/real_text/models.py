"""Small models of every family, two of random weights and unlike settings and one that is trained.

Knows the makers of `tests.families` and `tests.export`. Does not know what is measured.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import transformers

from dragoman.v1.translation_pb2 import DecodingOptions, EarlyStopping
from dragoman_export.families.bart import TIED
from tests.export import two_vocabularies
from tests.export.corpus import Corpus
from tests.families import (
    ctranslate2_models,
    fairseq,
    fsmt,
    marian_npz,
    opennmt,
    torch_models,
)
from tests.families.compare import ANY, Direction, Library
from tests.families.multilingual import KINDS, Kind
from tests.families.real_text.libraries import (
    LIMIT,
    CTranslate2,
    OwnLibrary,
    fairseq_equations,
    marian_equations,
    opennmt_equations,
)

STEPS = 200
"""Of training; a step is 48 pairs."""

POSITIONS = 256

Make = Callable[[Path, Corpus], Path]
OpenLibrary = Callable[[Path, Path, Corpus], OwnLibrary]
"""Told the checkpoint, a directory of its own and what the tokenizer was trained on."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """A model to make and to compare."""

    family: str
    make: Make
    """Writes a checkpoint."""
    library: OpenLibrary
    own: str
    """The library's name, as it is distributed."""
    directions: Sequence[Direction] = (ANY,)
    languages: tuple[str | None, str | None] = (None, None)
    """That export is told."""
    options: DecodingOptions = field(default_factory=DecodingOptions)
    steps: int = 0
    """Of training; 0 is random weights."""
    remark: str = ""
    """What is unlike beside sizes and switches."""


WIDE: Mapping[str, Any] = {
    "d_model": 48,
    "encoder_layers": 1,
    "decoder_layers": 3,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 3,
    "encoder_ffn_dim": 96,
    "decoder_ffn_dim": 40,
}
"""Sizes unlike those that the makers have."""

# A decoder with more layers than the encoder is one that transformers' T5 has no cache for.
WIDE_T5: Mapping[str, Any] = {
    "d_model": 48,
    "d_kv": 12,
    "d_ff": 40,
    "num_layers": 3,
    "num_decoder_layers": 1,
    "num_heads": 3,
    "relative_attention_num_buckets": 16,
    "relative_attention_max_distance": 50,
}

T5_1_1 = replace(
    KINDS["t5"],
    settings={
        **KINDS["t5"].settings,
        "feed_forward_proj": "gated-gelu",
        "tie_word_embeddings": False,
    },
)

MT5 = replace(T5_1_1, model=transformers.MT5ForConditionalGeneration, config=transformers.MT5Config)


FROM_TRANSFORMERS: Mapping[str, tuple[Kind, Mapping[str, Any]]] = {
    "M2M100": (KINDS["m2m100"], {"activation_function": "relu", "scale_embedding": True}),
    "NLLB-200": (KINDS["nllb"], {"activation_function": "gelu", "scale_embedding": True}),
    "mBART-50": (KINDS["mbart50"], {"activation_function": "relu", "scale_embedding": False}),
    "mBART-25": (KINDS["mbart"], {"activation_function": "gelu", "tie_word_embeddings": False}),
    "BART": (KINDS["bart"], {"activation_function": "relu", "scale_embedding": True}),
    "Pegasus": (KINDS["pegasus"], {"activation_function": "gelu", "scale_embedding": False}),
    "T5": (KINDS["t5"], {"feed_forward_proj": "relu"}),
    "T5 1.1, FLAN": (T5_1_1, {"feed_forward_proj": "gated-silu"}),
    "mT5": (MT5, {"feed_forward_proj": "relu"}),
    "MADLAD-400": (KINDS["madlad"], {"feed_forward_proj": "gated-silu"}),
    "ByT5": (KINDS["byt5"], {"feed_forward_proj": "gated-gelu"}),
}
"""A kind of checkpoint, and what the second of its models has unlike."""

MARIAN = {
    "ordinary": two_vocabularies.Kind(
        shares_embedding=True, ties_output=True, separate_vocabularies=False
    ),
    **two_vocabularies.KINDS,
}


def models() -> list[Model]:
    """All of them."""
    return [
        *_marian(),
        *_of_transformers(),
        *_fsmt(),
        *_torch(),
        *_fairseq(),
        *_marian_npz(),
        *_opennmt(),
        *_ctranslate2(),
    ]


def _of_library(checkpoint: Path, _scratch: Path, _corpus: Corpus) -> OwnLibrary:
    return Library(checkpoint, TIED)


def _marian() -> Iterator[Model]:
    def of(name: str, steps: int, **settings: Any) -> Model:
        told = {"max_position_embeddings": POSITIONS, **settings}
        return Model(
            family="Marian",
            make=lambda path, corpus: two_vocabularies.make_checkpoint(
                path, MARIAN[name], corpus, told
            ),
            library=_of_library,
            own="transformers",
            steps=steps,
            remark="two vocabularies" if MARIAN[name].separate_vocabularies else "one vocabulary",
        )

    yield of("ordinary", 0, **WIDE, activation_function="relu")
    yield of("two vocabularies", 0, activation_function="gelu", scale_embedding=False)
    yield of("output not tied", 0)
    yield of("ordinary", STEPS)
    yield of("nothing tied", STEPS)


def _of_transformers() -> Iterator[Model]:
    for family, (kind, other) in FROM_TRANSFORMERS.items():
        is_t5 = "d_kv" in kind.settings
        longest = {"n_positions" if is_t5 else "max_position_embeddings": POSITIONS}
        wide = WIDE_T5 if is_t5 else WIDE
        first = replace(kind, settings={**kind.settings, **longest})
        second = replace(kind, settings={**first.settings, **wide, **other})
        # In random models the probability of what is never said is not nothing, and only
        # transformers counts it.
        says_all = {name: v for name, v in kind.generation.items() if name != "bad_words_ids"}
        random = [replace(each, generation=says_all) for each in (first, second)]
        direction = kind.directions[0]
        is_told = direction.source_language is not None or bool(direction.prefix)
        for made, steps in ((random[0], 0), (random[1], 0), (first, STEPS)):
            yield Model(
                family=family,
                make=made.make,
                library=_of_library,
                own="transformers",
                directions=kind.directions,
                languages=(None, None) if is_told else ("en", "de"),
                steps=steps,
            )


def _fsmt() -> Iterator[Model]:
    for name, steps in (("wmt19", 0), ("tied", 0), ("wmt19", STEPS)):
        kind = fsmt.KINDS[name]
        kind = kind._replace(settings={**kind.settings, "max_position_embeddings": POSITIONS})
        yield Model(
            family="FSMT",
            make=lambda path, corpus, kind=kind: fsmt.make_checkpoint(path, kind, corpus),  # type: ignore[misc]
            library=_of_library,
            own="transformers",
            steps=steps,
            remark="lower case" if kind.tokenizer.get("do_lower_case") else "",
        )


def _torch() -> Iterator[Model]:
    for name, steps in (("tied", 0), ("apart", 0), ("halves", STEPS)):
        kind = torch_models.KINDS[name]
        yield Model(
            family="`torch.nn.Transformer`",
            make=kind.make,
            library=lambda checkpoint, scratch, corpus, kind=kind: torch_models.Plain(  # type: ignore[misc]
                checkpoint, kind, scratch, corpus
            ),
            own="torch",
            steps=steps,
        )


def _fairseq() -> Iterator[Model]:
    for name, steps in (("2018", 0), ("2022", 0), ("2018", 10 * STEPS)):
        kind = fairseq.KINDS[name]
        longest = {"max_source_positions": POSITIONS, "max_target_positions": POSITIONS}
        kind = kind._replace(args={**kind.args, **longest})
        yield Model(
            family="fairseq",
            make=lambda path, corpus, kind=kind: fairseq.make_checkpoint(path, kind, corpus),  # type: ignore[misc]
            library=lambda checkpoint, _scratch, _corpus: fairseq_equations(checkpoint),
            own="its equations",
            options=DecodingOptions(max_decoding_length=LIMIT),
            steps=steps,
            remark="subword-nmt" if kind.has_codes else "sentencepiece",
        )


def _marian_npz() -> Iterator[Model]:
    for name, steps in (("student", 0), ("teacher", 0), ("old", 0), ("student", 10 * STEPS)):
        kind = marian_npz.KINDS[name]
        yield Model(
            family="Marian's own",
            make=lambda path, corpus, kind=kind: marian_npz.make_checkpoint(path, kind, corpus),  # type: ignore[misc]
            library=lambda checkpoint, _scratch, _corpus: marian_equations(checkpoint),
            own="its equations",
            languages=("en", "de"),
            options=DecodingOptions(max_decoding_length=LIMIT),
            steps=steps,
            remark="SSRU" if "rnn" in kind.settings.values() else "self-attention",
        )


def _opennmt() -> Iterator[Model]:
    for name, steps in (
        ("opennmt-3", 0),
        ("opennmt-3-tied", 0),
        ("eole", 0),
        ("eole-tied", 10 * STEPS),
    ):
        kind = opennmt.KINDS[name]
        yield Model(
            family="OpenNMT-py, Eole",
            make=lambda path, corpus, kind=kind: opennmt.make_checkpoint(path, kind, corpus),  # type: ignore[misc]
            library=lambda checkpoint, _scratch, _corpus: opennmt_equations(checkpoint),
            own="its equations",
            languages=("en", "de"),
            options=DecodingOptions(max_decoding_length=LIMIT),
            steps=steps,
            remark=name,
        )


def _ctranslate2() -> Iterator[Model]:
    def of(
        remark: str,
        make: Make,
        convert: Callable[[Path, Path], Path],
        source: Callable[[Path], Any],
        directions: Sequence[Direction] = (ANY,),
        *,
        steps: int,
    ) -> Model:
        # The checkpoint that the model is converted from lies beside it.
        def converted(path: Path, corpus: Corpus) -> Path:
            return convert(make(path.with_name("before"), corpus), path)

        is_told = directions[0].source_language is not None
        return Model(
            family="CTranslate2",
            make=converted,
            library=lambda model, _scratch, _corpus: CTranslate2(
                model, source(model.with_name("before"))
            ),
            own="ctranslate2",
            directions=[replace(each, prefix="") for each in directions],
            languages=(None, None) if is_told else ("en", "de"),
            options=DecodingOptions(
                max_decoding_length=LIMIT, early_stopping=EarlyStopping.EARLY_STOPPING_TRUE
            ),
            steps=steps,
            remark=remark,
        )

    def kind(name: str, **settings: Any) -> Kind:
        told = {**KINDS[name].settings, "max_position_embeddings": POSITIONS, **settings}
        return replace(KINDS[name], settings=told)

    def marian(path: Path, corpus: Corpus) -> Path:
        told = {"max_position_embeddings": POSITIONS}
        return two_vocabularies.make_checkpoint(path, MARIAN["nothing tied"], corpus, told)

    from_marian = (
        ctranslate2_models.convert_two_vocabularies,
        lambda checkpoint: ctranslate2_models.by_pieces(checkpoint / "source.spm", "</s>"),
    )
    plain = (ctranslate2_models.convert, ctranslate2_models.by_transformers)
    nllb = KINDS["nllb"].directions
    yield of("of NLLB", kind("nllb", **WIDE).make, *plain, nllb, steps=0)
    yield of("of Marian", marian, *from_marian, steps=0)
    yield of("of Marian", marian, *from_marian, steps=STEPS)
    yield of("of NLLB", kind("nllb").make, *plain, nllb, steps=STEPS)
    yield of(
        "as OpenNMT-py's",
        kind("m2m100").make,
        ctranslate2_models.without_languages,
        ctranslate2_models.pieces_beside,
        steps=STEPS,
    )
    yield of(
        "of BART",
        kind("bart").make,
        ctranslate2_models.ends_sources,
        ctranslate2_models.by_transformers_bare,
        steps=STEPS,
    )
