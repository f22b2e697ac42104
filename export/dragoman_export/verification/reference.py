"""The checkpoint's own implementation in transformers: what the bundle is held against."""

import copy
import json
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import torch
import transformers
from torch import Tensor

from dragoman.v1.bundle_pb2 import AddedToken
from dragoman_export.errors import CheckpointError
from dragoman_export.model import Prompt
from dragoman_export.verification.hypothesis import Hypothesis

SIMPLE = "a"
"""A text that every tokenizer has something to make of."""

LANGUAGE_MARK = ">>"
"""A text that begins so may name a target language."""


class ReferenceDecoder:
    """Greedy decoding with `generate`.

    Of the checkpoint's generation settings, the tokens that it must never say count; beams,
    penalties, limits, the forced end token and sequences that must not be said are what a search
    goes by, not the model's opinion.
    """

    def __init__(
        self,
        checkpoint: Path,
        pad_id: int,
        end_id: int,
        start_id: int,
        settings: Mapping[str, Any] = MappingProxyType({}),
    ) -> None:
        """Loads the checkpoint in float32; `settings` take the place of its own.

        Raises:
            CheckpointError: transformers cannot load it.
        """
        self._checkpoint = checkpoint
        self._pad_id = pad_id
        self._end_id = end_id
        self._start_id = start_id
        with _silence(), _blaming(f"transformers cannot load {checkpoint}"):
            self._model = transformers.AutoModelForSeq2SeqLM.from_pretrained(
                checkpoint, dtype=torch.float32, local_files_only=True, **settings
            )
        self._model.eval()
        words = self._model.generation_config.bad_words_ids or ()
        self._model.generation_config = transformers.GenerationConfig(
            bad_words_ids=[word for word in words if len(word) == 1] or None,
            pad_token_id=pad_id,
            eos_token_id=end_id,
            decoder_start_token_id=start_id,
        )

    def decode(self, prompts: Sequence[Prompt], limit: int) -> list[Hypothesis]:
        """Best token after best token for each of `prompts`, at most `limit` each.

        Raises:
            CheckpointError: transformers cannot.
        """
        sources = [prompt.source_ids for prompt in prompts]
        longest = max(len(source) for source in sources)
        padding = [longest - len(source) for source in sources]
        rows = zip(sources, padding, strict=True)
        ids = torch.tensor([[*source, *[self._pad_id] * padded] for source, padded in rows])
        places = torch.arange(longest)
        inside = places[None] < torch.tensor([len(source) for source in sources])[:, None]
        watcher = _Watcher(len(sources), self._end_id)
        cannot = f"transformers cannot translate with {self._checkpoint}"
        with _silence(), torch.inference_mode(), _blaming(cannot):
            self._model.generate(
                input_ids=ids,
                attention_mask=inside.long(),
                decoder_input_ids=torch.tensor(
                    [[self._start_id, *prompt.target_ids] for prompt in prompts]
                ),
                num_beams=1,
                do_sample=False,
                max_new_tokens=limit,
                logits_processor=transformers.LogitsProcessorList([watcher]),
            )
        return watcher.hypotheses


class Frame(NamedTuple):
    """What a tokenizer puts around the tokens of a text."""

    prefix_ids: tuple[int, ...]
    suffix_ids: tuple[int, ...]
    """After the end token."""


class ReferenceTokenizer:
    """The checkpoint's own tokenizer in transformers.

    It takes the name of a token in a text for the token, whoever wrote it. Where a text has names
    that must be text, it is asked with those tokens taken out, if it is one that can be.
    """

    def __init__(self, checkpoint: Path, text_names: Collection[str] = ()) -> None:
        """Loads it.

        Args:
            checkpoint: Its directory.
            text_names: Names of tokens that are text in a text; so is ">>...<<".

        Raises:
            CheckpointError: transformers cannot load it.
        """
        self._checkpoint = checkpoint
        with _silence(), _blaming(f"transformers cannot load {checkpoint}"):
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(
                checkpoint, local_files_only=True
            )
        self._plain: Any = None
        if self.definition() is None:
            with _silence(), _blaming(f"transformers cannot load {checkpoint}"):
                self._plain = _without_names(self._tokenizer, text_names)
        self._text_names = (*text_names, LANGUAGE_MARK)

    def encode(self, text: str, source_language: str | None = None) -> list[int] | None:
        """Source token ids with all that is around them; None where a name must be text in vain.

        Raises:
            CheckpointError: transformers cannot.
        """
        with self._speaking(source_language), _blaming(self._fails_at(text)):
            if not any(name in text for name in self._text_names):
                token_ids: list[int] = self._tokenizer(text)["input_ids"]
                return token_ids
            if self._plain is None:
                return None
            prefix, suffix = self._around()
            plain: list[int] = self._plain(text, add_special_tokens=False)["input_ids"]
            return [*prefix, *plain, *suffix]

    def frame(self, end_id: int, source_language: str | None = None) -> Frame:
        """What is around the tokens of a text.

        Args:
            end_id: What comes after them in any case.
            source_language: As the tokenizer spells it; None for what it takes by itself.

        Raises:
            CheckpointError: Texts do not end with `end_id`.
        """
        with self._speaking(source_language), _blaming(self._fails_at(SIMPLE)):
            prefix, suffix = self._around()
        if suffix[:1] != [end_id]:
            raise CheckpointError(
                f"the tokenizer of {self._checkpoint} ends texts with the tokens {suffix}; the "
                f"model's end token, {end_id}, is needed"
            )
        return Frame(tuple(prefix), tuple(suffix[1:]))

    @property
    def class_name(self) -> str:
        """What transformers calls it."""
        return type(self._tokenizer).__name__

    @property
    def unknown_id(self) -> int | None:
        """Stands for what it does not know."""
        token_id: int | None = self._tokenizer.unk_token_id
        return token_id

    def vocabulary(self) -> dict[str, int]:
        """All its tokens by name."""
        vocabulary: dict[str, int] = self._tokenizer.get_vocab()
        return vocabulary

    def special_ids(self) -> dict[str, int]:
        """Tokens that give no text, those that name languages among them, by name."""
        own = self._tokenizer
        special = dict(zip(own.all_special_tokens, own.all_special_ids, strict=True))
        described = own.added_tokens_decoder
        special |= {token.content: i for i, token in described.items() if token.special}
        return special | getattr(own, "lang_token_to_id", {})

    def source_code(self, token: str) -> str:
        """How a source language is named to the tokenizer that has this token for it."""
        named: Mapping[str, str] = getattr(self._tokenizer, "lang_code_to_token", {})
        return next((code for code, each in named.items() if each == token), token)

    def definition(self) -> dict[str, Any] | None:
        """What the tokenizers library has of it, as in tokenizer.json, or None."""
        backend = getattr(self._tokenizer, "backend_tokenizer", None)
        if backend is None:
            return None
        definition: dict[str, Any] = json.loads(backend.to_str())
        return definition

    def _around(self) -> tuple[list[int], list[int]]:
        """What is before and after the tokens of a text."""
        full: list[int] = self._tokenizer(SIMPLE)["input_ids"]
        bare: list[int] = self._tokenizer(SIMPLE, add_special_tokens=False)["input_ids"]
        start = next(i for i in range(len(full)) if full[i : i + len(bare)] == bare)
        return full[:start], full[start + len(bare) :]

    @contextmanager
    def _speaking(self, source_language: str | None) -> Iterator[None]:
        """Within it, texts are of that language."""
        if source_language is None:
            yield
            return
        own = self._tokenizer.src_lang
        self._tokenizer.src_lang = source_language
        try:
            yield
        finally:
            self._tokenizer.src_lang = own

    def _fails_at(self, text: str) -> str:
        return f"the tokenizer of {self._checkpoint} fails at {text!r}"

    def decode(self, token_ids: Sequence[int]) -> str:
        """Text of target tokens; special ones, and ids that no piece has, give none.

        Raises:
            CheckpointError: transformers cannot.
        """
        with _blaming(f"the tokenizer of {self._checkpoint} fails at {list(token_ids)}"):
            known = self._known_ids()
            pieces = [i for i in token_ids if i in known]
            text: str = self._tokenizer.decode(
                pieces, skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        return text

    def _known_ids(self) -> Collection[int]:
        """Ids that a piece has."""
        added = self._tokenizer.added_tokens_decoder
        own = getattr(self._tokenizer, "decoder", None)
        if self._plain is None or own is None:
            own = self._tokenizer.get_vocab().values()
        return {*own, *added}

    def added_tokens(self) -> list[AddedToken]:
        """Tokens that are cut out of a text before it is tokenised, special ones among them."""
        described = self._tokenizer.added_tokens_decoder
        return [
            AddedToken(
                text=text,
                id=token_id,
                single_word=described[token_id].single_word,
                lstrip=described[token_id].lstrip,
                rstrip=described[token_id].rstrip,
            )
            for text, token_id in self._tokenizer.get_added_vocab().items()
            if text
        ]

    def hidden_ids(self) -> list[int]:
        """Ids of special tokens, which give no text."""
        return [token_id for token_id in self._tokenizer.all_special_ids if token_id is not None]


def _without_names(
    tokenizer: transformers.PreTrainedTokenizer, names: Collection[str]
) -> transformers.PreTrainedTokenizer:
    """A copy that has no tokens of these names, as far as texts can have them."""
    own: Any = type(tokenizer)

    class Plain(own):  # type: ignore[misc] # transformers is untyped
        all_special_tokens = ()

        def remove_language_code(self, text: str) -> tuple[list[str], str]:
            return [], text

        def _convert_token_to_id(self, token: str) -> int:
            known = self.unk_token if token in names else token
            token_id: int = super()._convert_token_to_id(known)
            return token_id

    plain = copy.copy(tokenizer)
    plain.__class__ = Plain
    kept = {i: t for i, t in plain.added_tokens_decoder.items() if t.content not in names}
    plain._added_tokens_decoder = kept  # noqa: SLF001 - it can be told so in no other way
    plain._added_tokens_encoder = {t.content: i for i, t in kept.items()}  # noqa: SLF001
    plain.tokens_trie = type(plain.tokens_trie)(plain._added_tokens_encoder)  # noqa: SLF001
    return plain


class _Watcher(transformers.LogitsProcessor):  # type: ignore[misc] # transformers is untyped
    """Notes the best token of every step from the scores that `generate` chooses by."""

    def __init__(self, rows: int, end_id: int) -> None:
        self.hypotheses = [Hypothesis() for _ in range(rows)]
        self._unfinished = set(range(rows))
        self._end_id = end_id

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:  # noqa: ARG002 - its signature
        values, ids = scores.log_softmax(dim=1).topk(2, dim=1)
        margins = values[:, 0] - values[:, 1]
        for row in sorted(self._unfinished):
            token_id = int(ids[row, 0])
            self.hypotheses[row].add(token_id, float(values[row, 0]), float(margins[row]))
            if token_id == self._end_id:
                self._unfinished.remove(row)
        return scores


@contextmanager
def _blaming(what: str) -> Iterator[None]:
    """Settings that we do not look at may make any library of transformers raise anything.

    Raises:
        CheckpointError: `what`, and what was raised, on one line.
    """
    try:
        yield
    except Exception as error:
        raise CheckpointError(f"{what}: {' '.join(str(error).split())}") from error


@contextmanager
def _silence() -> Iterator[None]:
    """Keeps transformers' remarks and progress bars from the user."""
    logging: Any = transformers.utils.logging
    level = logging.get_verbosity()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        logging.enable_progress_bar()
