"""What each switch buys on this device, measured as the panel Before and after does it, and kept as a session."""

from __future__ import annotations

from app.cli.suite_recording import record_suite
from engine.core.settings import LoadSpec
from engine.figures.before_after import before_after
from engine.figures.improvements import TOKENS
from tests.gpu.stages.setting import Setting

REHEARSED = 4


def run(setting: Setting) -> None:
    """`decodescope bench --suite switches` on the demo pair; what it bought is a figure, the same tokens a must."""
    path = setting.out / "improvements.dscope"
    path.unlink(missing_ok=True)
    target, draft = setting.models()
    load = LoadSpec(target, draft, device=setting.device_name)
    tokens = REHEARSED if setting.rehearse else TOKENS
    session = record_suite("switches", str(path), load, tokens=tokens)
    for pair in before_after(session):
        key = pair.improvement.key
        if pair.factor is None:
            setting.report.holds(f"{key}: it can run", setting.rehearse, pair.reason or "")
            continue
        claim = pair.improvement.claim
        said = "" if claim is None else f"; the reference says {claim[0]:g} to {claim[1]:g}"
        setting.report.figure(f"{key}: factor", pair.factor, "×", how=f"{pair.improvement.measure}{said}")
        setting.report.holds(f"{key}: the same tokens", bool(pair.same_tokens))
