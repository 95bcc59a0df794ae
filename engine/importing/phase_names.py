"""Which phase a name tells: of a module, an annotation, an operation or a kernel."""

from __future__ import annotations

import re
from typing import Final

from engine.session.schema import PHASES

RULES: Final = tuple(
    (phase, re.compile(pattern, re.IGNORECASE))
    for phase, pattern in (
        ("schedule", r"schedul"),
        ("detokenize", r"detokeni[sz]"),
        ("draft", r"\bdraft|propose"),
        ("verify", r"\bverif|reject(ion)?_sampl"),
        ("prepare", r"\bprepare|prepare_inputs|input_batch|preprocess"),
        ("sample", r"sampl|multinomial|argmax|top_?[kp]\b|logits_process"),
        ("lm_head", r"lm_?head|compute_logits|logits"),
        ("rope", r"\brope\b|rotary"),
        ("kv_write", r"kv_?write|reshape_and_cache|kv_?cache|index_copy|cache_update|concat_and_cache"),
        ("norm", r"norm(?!al_)"),
        ("qkv", r"qkv|\b[qkv]_proj"),
        ("attn_out", r"attn_?out|\bo_proj|attention_?output|attn\.out_proj"),
        ("attention", r"attention|attn|flash_|sdpa|softmax|fmha|paged_decode"),
        ("ffn", r"\bffn\b|mlp\b|mlp_|feed_?forward|(gate|up|down)_(up_)?proj|silu|gelu|swiglu|expert|\bmoe|_moe"),
        ("embed", r"embed"),
    )
)
"""The first that fits decides. So what names a part stands before what names the whole: `post_attention_layernorm` is a
norm, `rotary_embedding` no embedding."""
SPLIT_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
SPLIT_MOST: Final = 200
LOOKED_AT: Final = 2000
"""Characters of a name that are looked at."""


def phase_of(name: str) -> int | None:
    """The index in PHASES of the phase that a name tells; None where it tells none."""
    name = name[:LOOKED_AT]
    if name in PHASES:
        return PHASES.index(name)
    words = SPLIT_WORDS.sub("_", name) if len(name) <= SPLIT_MOST else name  # LlamaRMSNorm: Llama_RMS_Norm
    for phase, pattern in RULES:
        if pattern.search(name) or pattern.search(words):
            return PHASES.index(phase)
    return None
