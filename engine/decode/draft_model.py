"""Loads the draft model: the one that the user names, or the bundled one of the demo model."""

from __future__ import annotations

from dataclasses import replace

from engine.core.settings import LoadSpec
from engine.errors import InputError
from engine.model.loader import LoadedModel, Progress, load_model, model_path


def load_draft(spec: LoadSpec, target: LoadedModel, progress: Progress) -> LoadedModel | None:
    """Load the draft model of `spec`, on the target's device and with its dtype setting; None where there is none.

    Raises InputError where its vocabulary is not the target's.
    """
    name = spec.draft_model
    if name is None and spec.model == "demo":
        bundled = model_path("demo").parent / "draft"
        name = str(bundled) if bundled.exists() else None
    if name is None:
        return None
    own = replace(spec, model=name, draft_model=None, device=str(target.device))
    draft = load_model(own, lambda stage, fraction: progress(f"{stage} (draft)", fraction))
    if not same_tokens(draft, target):
        raise InputError(f"The draft model {draft.name} does not share the vocabulary of {target.name}.")
    return draft


def same_tokens(draft: LoadedModel, target: LoadedModel) -> bool:
    """Whether each token id that both models have logits for stands for the same text in both.

    Sizes may differ: many checkpoints pad their vocabulary to a round number, with ids that stand for no token.
    """
    common = min(draft.config.vocab, target.config.vocab)
    own, wanted = (
        {text: token for text, token in model.tokenizer.fast.get_vocab().items() if token < common}
        for model in (draft, target)
    )
    return own == wanted
