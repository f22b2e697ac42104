"""Checkpoints with unlike tokenizers, and texts in twenty scripts to try them on."""
# ruff: noqa: RUF001 - other scripts have characters that look like Latin ones

import json
import random
from collections.abc import Iterable
from pathlib import Path

import sentencepiece

from tests.export import tiny

SCRIPTS = (
    "the quick brown fox jumps over a lazy dog, doesn't it? 1, 2 and 3.5 % of 40",
    "Grüße aus Düsseldorf über Nürnberg: Straße, naïve façade, Ærø, Łódź, Žižek, ığdır",
    "Съешь ещё этих мягких французских булок, да выпей чаю; Київ, Ђорђе, Ѕвезда",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία, τί ἐστιν;",
    "זה כיף סתם לשמוע איך תנצח קרפד עץ טוב בגן: שָׁלוֹם",
    "صِف خَلقَ خَودِ كَمِثلِ الشَمسِ إِذ بَزَغَت؟ پارسی، گچ، ٹھیک",
    "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश। हिन्दी",
    "আমি কাঁচ খেতে পারি, তাতে আমার কোনো ক্ষতি হয় না।",
    "நான் கண்ணாடி சாப்பிடுவேன், அதனால் எனக்கு ஒரு கேடும் வராது.",
    "నేను గాజు తినగలను మరియు అలా చేసినా నాకు ఏమి ఇబ్బంది లేదు",
    "ನನಗೆ ಹಾನಿ ಆಗದೆ, ನಾನು ಗಜನ್ನು ತಿನಬಹುದು",
    "ਮੈਂ ਗਲਾਸ ਖਾ ਸਕਦਾ ਹਾਂ ਅਤੇ ਇਸ ਨਾਲ ਮੈਨੂੰ ਕੋਈ ਤਕਲੀਫ ਨਹੀਂ",
    "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า กว่าบรรดาฝูงสัตว์เดรัจฉาน ๆ",
    "ຂອ້ຍກິນແກ້ວໄດ້ໂດຍທີ່ມັນບໍ່ໄດ້ເຮັດໃຫ້ຂອ້ຍເຈັບ",
    "ကျွန်တော် ကျွန်မ မှန်စားနိုင်တယ်။ ၎င်းကြောင့် ထိခိုက်မှုမရှိပါ။",
    "ខ្ញុំអាចញុំកញ្ចក់បាន ដោយគ្មានបញ្ហា",
    "天地玄黄，宇宙洪荒。日月盈昃，辰宿列張。我能吞下玻璃而不傷身體。",
    "いろはにほへと ちりぬるを。私はガラスを食べられます。ｶﾞﾗｽ",
    "키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다.",
    "მინას ვჭამ და არა მტკივა. ღმერთსი შემვედრე",
    "Կրնամ ապակի ուտել և ինծի անհանգիստ չըներ։",
    "ጌታ ሆይ፤ ሰማይ አይታረስ ንጉሥ አይከሰስ።",
    "ᚠᛇᚻ᛫ᛒᛦᚦ᛫ᚠᚱᚩᚠᚢᚱ 𐌼𐌰𐌲 𐌲𐌻𐌴𐍃 🚲👩‍🚀 ½ ② ﬁ №",
)
"""A sentence or two of each, for its characters."""

KNOWN_BEYOND_ENGLISH = "ßüöäÜéДжщя漢字ωאबक한ბ。🚲"
"""Characters that a vocabulary has and an English sentencepiece model lacks."""


def texts(count: int, extras: Iterable[str] = ()) -> list[str]:
    """Texts of words of all scripts, in one script or mixed, and of `extras` between them."""
    chance = random.Random(7)
    words = [script.split() for script in SCRIPTS]
    made = [*SCRIPTS, *KNOWN_BEYOND_ENGLISH, "We visited Düsseldorf and Nürnberg."]
    wanted, spaces = list(extras), [" ", " ", " ", "", "  ", "\t", "\u00a0", "\n"]
    while len(made) < count:
        script = chance.choice(words)
        text = ""
        for _ in range(chance.randint(1, 12)):
            choice = chance.random()
            if wanted and choice < 0.2:
                text += chance.choice(wanted)
            elif choice < 0.4:
                text += chance.choice(KNOWN_BEYOND_ENGLISH)
            else:
                text += chance.choice(chance.choice(words) if choice > 0.8 else script)
            text += chance.choice(spaces)
        made.append(text)
    return made


TWELVE = dict(
    zip(
        ("Latin", "Cyrillic", "Greek", "Hebrew", "Arabic", "Devanagari", "Bengali", "Tamil"),
        SCRIPTS[1:9],
        strict=True,
    )
) | {"Thai": SCRIPTS[12], "Han": SCRIPTS[16], "kana": SCRIPTS[17], "Hangul": SCRIPTS[18]}
"""Of which `lines` makes as many as are wanted."""


def lines(script: str, count: int) -> list[str]:
    """Lines in one script: its words, words of its characters that nobody wrote, and numbers."""
    chance = random.Random(script)
    words = TWELVE[script].split()
    characters = "".join(words)
    spaces = [" "] * 12 + ["", "  ", "\t", "\u00a0", "\u3000", "\u200b", "\n", ", "]

    def word() -> str:
        kind = chance.random()
        if kind < 0.5:
            return chance.choice(words)
        if kind < 0.95:
            return "".join(chance.choices(characters, k=chance.randint(1, 7)))
        return str(chance.randint(0, 99999))

    return [
        "".join(word() + chance.choice(spaces) for _ in range(chance.randint(1, 6)))
        for _ in range(count)
    ]


def english_only(checkpoint: Path, copy: Path) -> Path:
    """Its vocabulary has more than its English `source.spm` knows."""
    tiny.copy_checkpoint(checkpoint, copy)
    _train(copy / "target.spm", SCRIPTS)
    pieces = [*_pieces(copy / "source.spm"), *_pieces(copy / "target.spm"), *KNOWN_BEYOND_ENGLISH]
    write_vocabulary(copy, pieces)
    return copy


def with_added_tokens(checkpoint: Path, copy: Path) -> Path:
    """As fine-tuning leaves it: some in added_tokens.json, some with settings of their own."""
    english_only(checkpoint, copy)
    size = len(json.loads((copy / "vocab.json").read_text()))
    added = {"<NUM>": size, "<NUM>x": size + 1, "[ENT]": size + 2}
    (copy / "added_tokens.json").write_text(json.dumps(added))
    (copy / "special_tokens_map.json").write_text(json.dumps({"extra_special_tokens": ["[ENT]"]}))
    return copy


def with_described_tokens(checkpoint: Path, copy: Path) -> Path:
    """Added tokens that take spaces, and one that is none within a word."""
    english_only(checkpoint, copy)
    size = len(json.loads((copy / "vocab.json").read_text()))
    tokens = [
        {"content": "<left>", "lstrip": True},
        {"content": "<right>", "rstrip": True},
        {"content": "word", "single_word": True},
        {"content": "<special>", "special": True},
        {"content": "über"},
    ]
    standard = {
        "0": {"content": "</s>", "special": True},
        "1": {"content": "<unk>", "special": True},
    }
    described = standard | {str(size + index): token for index, token in enumerate(tokens)}
    change_tokenizer(copy, added_tokens_decoder=described)
    return copy


def beyond_its_source(checkpoint: Path, copy: Path) -> Path:
    """The tiny checkpoint, ready to export: its vocabulary has ß and ü, and `<NUM>` was added."""
    tiny.copy_checkpoint(checkpoint, copy)
    vocabulary = json.loads((copy / "vocab.json").read_text())
    vocabulary["ß"], vocabulary["ü"] = vocabulary.pop("unused7"), vocabulary.pop("unused8")
    (copy / "added_tokens.json").write_text(json.dumps({"<NUM>": vocabulary.pop("unused9")}))
    (copy / "vocab.json").write_text(json.dumps(vocabulary))
    return copy


def with_a_target_vocabulary(checkpoint: Path, copy: Path) -> Path:
    """The tiny checkpoint, ready to export, with other ids for the same pieces of targets."""
    tiny.copy_checkpoint(checkpoint, copy)
    ordinary = [piece for piece in read_pieces(copy) if piece not in {"</s>", "<unk>", "<pad>"}]
    write_vocabulary(copy, [*ordinary[1:], ordinary[0]], "target_vocab.json")
    change_tokenizer(copy, separate_vocabs=True)
    return copy


def several_targets(checkpoint: Path, copy: Path) -> Path:
    """With tokens for target languages."""
    english_only(checkpoint, copy)
    write_vocabulary(copy, [*read_pieces(copy), ">>fra<<", ">>bos_Latn<<", ">>bos<<"])
    return copy


def separate_vocabularies(checkpoint: Path, copy: Path) -> Path:
    """Source and target pieces have ids of their own in one embedding."""
    english_only(checkpoint, copy)
    ordinary = [piece for piece in read_pieces(copy) if piece not in {"</s>", "<unk>", "<pad>"}]
    write_vocabulary(copy, ordinary[::-1], "target_vocab.json")
    change_tokenizer(copy, separate_vocabs=True)
    return copy


def retrain_source(checkpoint: Path, lines: Iterable[str]) -> None:
    """Another `source.spm`, made of few characters."""
    _train(checkpoint / "source.spm", lines)


def read_pieces(checkpoint: Path) -> list[str]:
    return list(json.loads((checkpoint / "vocab.json").read_text()))


def write_vocabulary(checkpoint: Path, pieces: Iterable[str], name: str = "vocab.json") -> None:
    ordinary = dict.fromkeys(pieces)
    for special in ("<s>", "</s>", "<unk>", "<pad>"):
        ordinary.pop(special, None)
    everything = ["</s>", "<unk>", *ordinary, "<pad>"]
    vocabulary = {piece: index for index, piece in enumerate(everything)}
    (checkpoint / name).write_text(json.dumps(vocabulary))


def change_tokenizer(checkpoint: Path, **settings: object) -> None:
    path = checkpoint / "tokenizer_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | settings))


def _train(path: Path, lines: Iterable[str]) -> None:
    path.write_bytes(tiny.train_pieces(lines, vocab_size=600, character_coverage=0.98))


def _pieces(path: Path) -> list[str]:
    model = sentencepiece.SentencePieceProcessor(model_file=str(path))
    return [model.id_to_piece(piece) for piece in range(model.get_piece_size())]
