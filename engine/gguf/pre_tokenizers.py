"""How a byte-level vocabulary's text is cut into words before tokens are made: one list of expressions for each kind.

A file names its kind (`tokenizer.ggml.pre`). Each expression cuts every piece that the one before it left, at each of
its matches. llama.cpp knows no cases of letters beyond ASCII, so its expressions are followed here, and not those that
the models came with: tokens must be what llama.cpp makes of the same file. `\\s+(?!\\S)` leaves the last space of a run
to the word after it. Imports no torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.errors import CheckpointError
from engine.plain_text import quoted

ENDINGS: Final = "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]"
"""English contractions in either case."""
SPACES: Final = r"\s+(?!\S)|\s+"
BROKEN_LINES: Final = rf"\s*[\r\n]+|{SPACES}"
GPT2: Final = rf"'s|'t|'re|'ve|'m|'ll|'d| ?\p{{L}}+| ?\p{{N}}+| ?[^\s\p{{L}}\p{{N}}]+|{SPACES}"
SYMBOLS: Final = r" ?[^\s\p{L}\p{N}]+[\r\n]*"
WORD: Final = r"[^\r\n\p{L}\p{N}]?\p{L}+"
UPPER: Final = r"[\p{L}&&[^a-z]]"
LOWER: Final = r"[\p{L}&&[^A-Z]]"
CASED: Final = (rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}*{LOWER}+", rf"[^\r\n\p{{L}}\p{{N}}]?{UPPER}+{LOWER}*")
"""A word that ends in a lower case, and one that has none at its end."""
SYMBOLS_WITH_SLASHES: Final = r" ?[^\s\p{L}\p{N}]+[\r\n/]*"
CJK: Final = "[一-龥\u3040-\u309f\u30a0-\u30ff]+"
ASCII_PUNCTUATION: Final = r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~]"
ALPHABETIC: Final = (
    "[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\u1f7dᾀ-ᾴᾶ-ᾼ\u1fbeῂ-ῄῆ-ῌῐ-\u1fd3ῖ-\u1fdbῠ-Ῥῲ-ῴῶ-ῼ"
    "ℂℇℊ-ℓℕℙ-ℝℤ\u2126ℨ\u212a-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃]+"
)


@dataclass(frozen=True, slots=True)
class PreTokenizer:
    """The expressions of a kind, and what else follows from its name.

    `ignore_merges`: a word that is a token is that token, whatever merges would make of it. `add_bos`: a text begins
    with BOS unless the file says otherwise.
    """

    expressions: tuple[str, ...]
    ignore_merges: bool = False
    add_bos: bool = False


def joined(*alternatives: str) -> str:
    """Expressions of which the first that matches counts."""
    return "|".join(alternatives)


LLAMA3: Final = joined(ENDINGS, WORD, r"\p{N}{1,3}", SYMBOLS, BROKEN_LINES)
QWEN2: Final = joined(ENDINGS, WORD, r"\p{N}", SYMBOLS, BROKEN_LINES)
DEEPSEEK3: Final = (
    r"\p{N}{1,3}",
    CJK,
    joined(
        rf"{ASCII_PUNCTUATION}[A-Za-z]+",
        r"[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+",
        r" ?[\p{P}\p{S}]+[\r\n]*",
        BROKEN_LINES,
    ),
)
CASED_THREE_DIGITS: Final = joined(
    rf"{CASED[0]}(?:{ENDINGS})?", rf"{CASED[1]}(?:{ENDINGS})?", r"\p{N}{1,3}", SYMBOLS_WITH_SLASHES, BROKEN_LINES
)
BY_PUNCTUATION: Final = " ?[^(\\s|.,!?…。，、।۔،)]+"

KINDS: Final[dict[tuple[str, ...], PreTokenizer]] = {
    ("default", ""): PreTokenizer((r"[\p{P}$+<=>\^~|]+", GPT2, r"\p{N}+", "[0-9][0-9][0-9]")),
    ("llama3", "llama-v3", "llama-bpe", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2", "jina-v5-nano"): (
        PreTokenizer((LLAMA3,), ignore_merges=True, add_bos=True)
    ),
    ("dbrx", "smaug-bpe", "chatglm-bpe"): PreTokenizer((LLAMA3,)),
    ("glm4", "glm5"): PreTokenizer((LLAMA3,), ignore_merges=True),
    ("deepseek-llm",): PreTokenizer(
        (
            r"[\r\n]",
            rf"\s?{ALPHABETIC}",
            "\\s?[!-/:-~！-／：-～‘-‟、。]+",  # as in llama.cpp: U+3000 is white space to it, never punctuation
            r"\s+\z",
            "[一-龥\u0800-一가-\ud7ff]+",
            r"\p{N}+",
        )
    ),
    ("deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"): PreTokenizer(DEEPSEEK3),
    ("deepseek-coder",): PreTokenizer(
        (r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", "[一-龥\u0800-一가-\ud7ff]+", r"\p{N}")
    ),
    ("falcon",): PreTokenizer((r"[\p{P}$+<=>\^~|`]+", GPT2, "[0-9][0-9][0-9]")),
    ("starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b", "mellum2"): PreTokenizer(
        (r"\p{N}", GPT2)
    ),
    (
        "gpt-2", "phi-2", "jina-es", "jina-de", "gigachat", "jina-v2-es", "jina-v2-de", "a.x-4.0", "mellum",
        "modern-bert", "mpt", "olmo", "jais", "trillion", "granite-docling", "exaone4",
    ): PreTokenizer((GPT2,)),
    (
        "qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "megrez", "stablelm2", "hunyuan", "solar-open", "grok-2",
    ): PreTokenizer((QWEN2,)),
    ("qwen35",): PreTokenizer(
        (
            joined(
                ENDINGS, r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+", r"\p{N}", r" ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*", BROKEN_LINES
            ),
        )
    ),
    ("poro-chat", "bloom", "gpt3-finnish"): PreTokenizer((BY_PUNCTUATION,)),
    ("viking",): PreTokenizer((BY_PUNCTUATION, r"\p{N}")),
    ("tekken",): PreTokenizer(
        (joined(*CASED, r"\p{N}", SYMBOLS_WITH_SLASHES, BROKEN_LINES),), ignore_merges=True, add_bos=True
    ),
    ("gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"): PreTokenizer((CASED_THREE_DIGITS,)),
    ("bailingmoe", "bailingmoe2", "llada-moe"): PreTokenizer(
        (
            joined(
                r"'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])", WORD, r"\p{N}", SYMBOLS, r"\s*[\r\n]", SPACES
            ),
        )
    ),
    ("seed-coder",): PreTokenizer(
        (joined(ENDINGS, WORD, r"\p{N}", r" ?[^\s\p{L}\p{N}\r\n]+", BROKEN_LINES),)
    ),
    ("ufakzeka",): PreTokenizer((joined(WORD, r"\p{N}", SYMBOLS, BROKEN_LINES),)),
    ("laguna",): PreTokenizer((r"[^\n]+|\n+", QWEN2)),
    ("minicpm5",): PreTokenizer(
        (r"\p{N}{1,3}", joined(ENDINGS, WORD, r"\p{N}+", SYMBOLS, BROKEN_LINES)), ignore_merges=True
    ),
}  # fmt: skip

PRE_TOKENIZERS: Final = {name: kind for names, kind in KINDS.items() for name in names}
"""By the name in the file; a file without one is of the kind "default", as in llama.cpp."""


def pre_tokenizer_of(name: str) -> PreTokenizer:
    """The kind of this name; raises CheckpointError for an unknown one, as any other would make other tokens."""
    found = PRE_TOKENIZERS.get(name)
    if found is None:
        raise CheckpointError(f"The GGUF file's pre-tokenizer {quoted(name)} is not supported.")
    return found
