"""Sentences of the panels about time and speed."""

from __future__ import annotations

from typing import Final

from app.models.before_after import NAMES as IMPROVEMENTS
from app.models.summary import NAMES as METRICS
from tests.app.figures import of_delays, of_servers

Texts = dict[str, tuple[str, ...]]
PARTS: Final = {
    "Prepare input": "prepare", "Attention": "attention", "FFN": "ffn", "Norm": "norm", "Sampling": "sampling",
    "Other": "other", "Total": "total",
}  # fmt: skip
GROUPS: Final = tuple(PARTS.values())[:-1]
READINGS: Final = {
    "CPU of the engine (100 % is one core)": ("cpu", "process_cpu_percent", "percent", "/100"),
    "CPU of the machine": ("cpu", "system_cpu_percent", "percent", "/100"),
    "Memory of the engine (RSS)": ("cpu", "process_rss_bytes", "memory", ""),
    "GPU busy": ("cuda", "utilisation_percent", "percent", "/100"),
    "GPU memory busy": ("cuda", "memory_utilisation_percent", "percent", "/100"),
    "GPU memory used": ("cuda", "memory_used_bytes", "memory", ""),
    "Power": ("cuda", "power_watts", "watts", ""),
    "Temperature": ("cuda", "temperature_celsius", "celsius", ""),
    "SM clock": ("cuda", "sm_clock_mhz", "mhz", ""),
    "Memory clock": ("cuda", "memory_clock_mhz", "mhz", ""),
}
"""Reading by title: device, name, unit, and what the value is divided by."""

STEP: Final = (
    "step {=step} ({of(step).kind|kind}, {of(step).kernel|plain}): {of(step).wall_s|seconds} ●",
    *(f"{{~}}{group} {{of(step).groups_s.{group}|seconds}}" for group in GROUPS[:-1]),
    "{~}other {of(step).groups_s.other - of(step).phases_s.draft|seconds}",
    "{~}draft {of(step).phases_s.draft|seconds}",
    *(f"positions: {{of(step).positions.{name}|count}} {name}{{~}}" for name in ("new", "recomputed")),
    *(f"{{of(step).positions.{name}|count}} {name}{{~}}" for name in ("recomputed", "padding", "rejected", "reused")),
    "{at(step).timeline.idle_before_s|seconds} idle before it ●",
    "device busy {of(step).device_s|seconds} ({of(step).device_s / of(step).wall_s|percent}) ●",
)  # fmt: skip

_OUTSIDE: Final = "of(step).phases_s[phase] - sum(one[phase] for one in of(step).phases_by_layer_s)"
"""The time of a phase of a step that belongs to no layer."""

TIMELINE: Final[Texts] = {
    "header": (
        "{info.timeline.steps|count} steps", "{info.timeline.tokens|count} tokens",
        "{info.timeline.teacher_passes|count} teacher-forced pass{~}",
        "{info.timeline.span_s|seconds} ●", "idle {info.timeline.idle_s|seconds} ●",
        "paused {info.timeline.paused_s|seconds} ●",
    ),
    "_label": ("req {=request}",),
    "draw_note": (
        "{len(all.requests)|count} requests",
        "{sum(request.finish_reason is not None for request in all.requests)|count} finished",
        "lanes in view: {=lanes}", "above and below: {=away}",  # how many fit is a matter of the panel's size
    ),
    "_draw_token_text": ("{[of(step).wall_s for step in steps]|seconds}",),
    "text_in": (
        "waits {[request.waited_s for request in all.requests]|seconds}",
        "{[of(step).device_s / of(step).wall_s for step in steps]|percent}",
        "paused {pauses|plain}", "?between runs {pauses|plain}", "?rest {pauses|plain}",
        "?idle {[at(step).timeline.idle_before_s for step in steps]|seconds}",  # only a busy machine leaves such a gap
    ),
    "draw_drafts": (
        "{[at(step).speculation.accepted for step in steps]|count}/"
        "{[at(step).speculation.drafted for step in steps]|count}",
    ),
    "draw_marks": ("{marks|plain}", "?{@mark} (+{=more})"),
    "tip TimelineCanvas": (
        *STEP,
        "“{~}”  token {=id}, position {=position} of request {=request}",
        "log-probability {token(request, position).logprob|signed} ●   "
        "entropy {token(request, position).entropy_nats|signed} nats ●",
        "{token(request, position).gap_s|seconds} after the token before ●",
        "this step accepted {at(token(request, position).step).acceptance_by_request[request].accepted|count} of "
        "{at(token(request, position).step).acceptance_by_request[request].drafted|count} drafts ●",
        "step {=step}: {at(step).speculation.drafted|count} drafts proposed and verified ●",
        "{at(step).speculation.accepted|count} accepted ({at(step).speculation.rate|percent} ƒ), "
        "{at(step).speculation.drafted - at(step).speculation.accepted|count} rejected ●",
        "?{marks_with_times|plain}",
        "?paused {pauses|plain}", "?between runs {pauses|plain}", "?rest {pauses|plain}",
        "request {=request}: “{~}”",
        "{all.requests[request].prompt_tokens|count} prompt tokens, "
        "{len(all.requests[request].token_ids)|count} generated",
        "waited {all.requests[request].waited_s|seconds} ●",
        "first token after {all.requests[request].ttft_s|seconds} ●",
        "?step {=step}, layer {=layer}, {@phase}: {of(step).phases_by_layer_s[layer][phase]|seconds} ● "
        "({of(step).phases_by_layer_s[layer][phase] / of(step).wall_s|percent} of the step ƒ)",
        f"?step {{=step}}, {{@phase}}: {{{_OUTSIDE}|seconds}} ● "
        f"({{({_OUTSIDE}) / of(step).wall_s|percent}} of the step ƒ)",
    ),
    "_write": ("?layer {=layer}", "?{=layer}"),
}  # fmt: skip

_TABLE: Final = tuple(
    sentence
    for shown, part in PARTS.items()
    for sentence in (
        *((f"{shown} / Reference ~: {{REFERENCE_S['{part}']|seconds}}",) if part != "other" else ()),
        f"{shown} / Mean ●: {{info.latency.a_token.{part}.mean_s|seconds}}",
        f"{shown} / p50 ●: {{info.latency.a_token.{part}.p50_s|seconds}}",
        f"{shown} / p90 ●: {{info.latency.a_token.{part}.p90_s|seconds}}",
        f"{shown} / p99 ●: {{info.latency.a_token.{part}.p99_s|seconds}}",
        f"{shown} / Share ƒ: {{info.latency.a_token.{part}.share|percent}}",
    )
)
_SPLIT: Final = (
    "in steps {info.latency.busy_s|seconds} ({info.latency.busy_s / elapsed|percent}) ●",
    "between steps {info.latency.gap_s|seconds} ({info.latency.gap_s / elapsed|percent}) ƒ",
    "device busy {info.latency.device_s|seconds} ({info.latency.device_s / elapsed|percent}) ●",
    "host only {info.latency.busy_s - info.latency.device_s|seconds} "
    "({(info.latency.busy_s - info.latency.device_s) / elapsed|percent}) ƒ",
)
LATENCY: Final[Texts] = {
    "header": (
        "{info.latency.a_token.total.mean_s|seconds} a token ●", "p99 {info.latency.a_token.total.p99_s|seconds} ●",
        "{info.tokens_per_s|rate tokens/s} ●",
    ),
    "label": (
        "tokens = {info.latency.prefill.a_request.mean_s + 100 * info.latency.a_token.total.mean_s|seconds} ƒ",
        "of that prefill {info.latency.prefill.a_request.mean_s|seconds} ●",
        "reference: {100 * REFERENCE_S['total']|seconds} ~",
        "prefill {info.latency.prefill.busy_s|seconds} ({info.latency.prefill.busy_s / info.latency.busy_s|percent}) ●",
        "in {info.latency.prefill.mixed_steps|count} steps beside decode",
        "{info.latency.requests_a_step|number} requests a step: "
        "{info.latency.amortised_s|seconds} of step time a token ƒ",
        "all {info.latency.steps|count} steps",
        "steps {info.range.first|count}–{info.range.last|count}: {info.latency.steps|count} steps",
        "{info.latency.tokens|count} tokens",
        "between steps {info.latency.gap_s|seconds} ({info.latency.gap_s / elapsed|percent}) ƒ",
        "device busy {info.latency.device_s|seconds} ({info.latency.device_s / elapsed|percent}) ●",
        "{info.latency.outliers|count} outliers ƒ",
        "?{info.latency.outliers|count} outlier ƒ",
    ),
    "table LatencyTable": (
        *_TABLE,
        "Token to token / Mean ●: {info.latency.between_tokens.mean_s|seconds}",
        *(f"Token to token / {name} ●: {{info.itl_s.{name}|seconds}}" for name in ("p50", "p90", "p99")),
        "Prefill / Mean ●: {info.latency.prefill.a_request.mean_s|seconds}",
        *(f"Prefill / {name} ●: {{info.latency.prefill.a_request.{name}_s|seconds}}" for name in ("p50", "p90", "p99")),
    ),
    "table FigureTable": of_delays.IN_TABLES,
    "tip FigureTable": of_delays.TIPS_OF_TABLES,
    "TimeSplit.paint": _SPLIT,
    "tip of TimeSplit": _SPLIT,
    "tip of ThemedLabel": ("{info.latency.outliers|count} outliers ƒ", "?{info.latency.outliers|count} outlier ƒ"),
    "LayerStrip.paint": (
        "Step {=step}: µs by layer and phase, up to {max(layer_times(step))|seconds} ●",
        "Step {=step} holds no time by layer; {~}",
        "{=layer}",
    ),
    "LayerStrip._draw_cells": ("{[1e6 * value for value in layer_times(here_step)]|number}",),
    "tip LayerStrip": (
        "layer {=layer}, {@phase}: {of(here_step).phases_by_layer_s[layer][phase]|seconds}  ● measured",
    ),
    "tip StackChart": (
        "Step {=step}: {of(step).wall_s|seconds} ● measured",
        *(f"{shown}: {{of(step).groups_s.{part}|seconds}}" for shown, part in PARTS.items() if part != "total"),
    ),
    "StackChart._draw_note": ("?▲ {=cut} cut", "?▲ {=cut} cut, up to {[of(step).wall_s for step in steps]|seconds}",),
    "StackChart._draw_lines": ("p50", "p99"),
    "tip LatencyHistogram": ("{bins|plain}",),
}  # fmt: skip

UTILISATION: Final[Texts] = {
    "header": (
        "CPU {info.devices.readings.cpu.process_cpu_percent.mean / 100|percent} ●",
        "GPU busy {info.devices.readings.cuda.utilisation_percent.mean / 100|percent} ●",
        "MBU {info.mbu|percent} ƒ", "MFU {info.mfu|percent} ƒ",
        "{info.devices.joules_per_token|joules} a token ƒ",
        *of_servers.HEADER,
    ),
    "label": ("figures of steps {info.range.first|count}–{info.range.last|count}",),
    "LaneChart._draw_lane": (
        "Memory bandwidth used (MBU)  {info.mbu|percent} ƒ", "Arithmetic used (MFU)  {info.mfu|percent} ƒ",
        "{info.devices.bytes_per_s|rate B/s} of {info.devices.read_ceiling_bytes_per_s|rate B/s} measured",
        "{info.devices.flops_per_s|rate FLOP/s} of {info.devices.ceilings.flops_per_s|rate FLOP/s} measured",
        *(f"{title}  {{info.devices.readings.{device}.{name}.last{over}|{unit}}} ● · "
          f"mean {{info.devices.readings.{device}.{name}.mean{over}|{unit}}} · "
          f"max {{info.devices.readings.{device}.{name}.most{over}|{unit}}}"
          for title, (device, name, unit, over) in READINGS.items()),
        "CPU of the engine (100 % is one core): no reading in the selected steps",
        *of_servers.LANES,
    ),
    "tip LaneChart": (
        "step {=step}",
        "Memory bandwidth used (MBU): {of(step).mbu|percent}", "Arithmetic used (MFU): {of(step).mfu|percent}",
        *(f"{title}: {{[value{over} for value in readings('{device}', '{name}')]|{unit}}}"
          for title, (device, name, unit, over) in READINGS.items()),
        *of_servers.TIPS,
    ),
}  # fmt: skip

_IN_A_CACHE: Final = (
    "{@point} is {point_of(point).bound|plain}-bound: {point_of(point).flop_per_byte|rate FLOP/byte}, {~} the ridge at "
    "{point_of(point).ridge|rate FLOP/byte}; {point_of(point).roof_over_rate|number}× to the ceiling of "
    "{point_of(point).level|plain}, which holds all a step reads ƒ"
)
_VERDICT: Final = (
    "{@point} is {point_of(point).bound|plain}-bound: {point_of(point).flop_per_byte|rate FLOP/byte}, {~} the ridge at "
    "{point_of(point).ridge|rate FLOP/byte}; {point_of(point).roof_over_rate|number}× to the {~} ceiling ƒ",
    "{@point} is over the roof, {1 / point_of(point).roof_over_rate|number}× of it ƒ: {~}",
)
_POINT: Final = (
    *_VERDICT,
    "{point_of(point).flops|rate FLOP} ƒ and {point_of(point).bytes|rate B} ƒ in {point_of(point).seconds|seconds} ●",
)
ROOFLINE: Final[Texts] = {
    "header": (
        "{info.roofline.dtype|plain}: {info.roofline.bytes_per_s|rate B/s} and "
        "{info.roofline.flops_per_s|rate FLOP/s} ●",
        "ridge {info.roofline.ridge|rate FLOP/byte} ƒ",
    ),
    "label": (*_VERDICT, _IN_A_CACHE, "Data sheet: {info.roofline.data_sheet.device|plain}, without sparsity. {~}"),
    "table FigureTable": (
        "{@point} / FLOP/byte ƒ: {point_of(point).flop_per_byte|number}",
        "{@point} / To the roof ƒ: {point_of(point).roof_over_rate|number}×",
        "{@point} / Limit: memory-bound ({point_of(point).level|plain})",
        "{@point} / Rate ƒ: {point_of(point).flops_per_s|rate FLOP/s}",
        "{@point} / Roof ƒ: {point_of(point).roof_flops_per_s|rate FLOP/s}",
        "{@point} / Time ●: {point_of(point).seconds|seconds}",
    ),
    "tip FigureTable": (*_POINT, _IN_A_CACHE),
    "tip RooflineChart": (*_POINT, f"?{_IN_A_CACHE}"),
    "RooflineChart._draw_ceiling": (
        "compute, {info.roofline.dtype|plain}: {info.roofline.flops_per_s|rate FLOP/s} ●",
    ),
    "RooflineChart._draw_along": (
        "memory: {info.roofline.bytes_per_s|rate B/s} ●",
        "?{info.roofline.bytes_per_s|rate B/s} ●",
        "?{@level} {level_of(level).read_bytes_per_s|rate B/s} ●",
        "{@level}, up to {level_of(level).size_bytes|memory}: {level_of(level).read_bytes_per_s|rate B/s} ●",
        "data sheet: {info.roofline.data_sheet.bytes_per_s|rate B/s} ~",
    ),
}  # fmt: skip

_FACTOR: Final = "{pass_.factor|number}×"
PARALLEL: Final[Texts] = {
    "picker": ("request {=request}",),
    "header": (f"{_FACTOR} ƒ", "pass {pass_.pass_s|seconds}, steps {pass_.serial_s|seconds} ●"),
    "label": (
        f"{_FACTOR} as long token by token as in one pass ƒ; all {{pass_.agreeing|count}} tokens agree ●",
        f"{_FACTOR} as long token by token as in one pass ƒ; "
        "{pass_.agreeing|count} of {pass_.tokens|count} tokens agree ●, drawn at temperature {temperature|plain}",
        "{pass_.tokens - pass_.agreeing|count} that the pass would not have chosen, by position ●",
    ),
    "table FigureTable": (
        "parallel / Time ●: {pass_.pass_s|seconds}", "serial / Time ●: {pass_.serial_s|seconds}",
        f"factor ƒ / Time ●: {_FACTOR}",
        "parallel / Tokens/s in steps ƒ: {pass_.pass_tokens_per_s|rate tokens/s}",
        "serial / Tokens/s in steps ƒ: {pass_.serial_tokens_per_s|rate tokens/s}",
        "factor ƒ / Tokens/s in steps ƒ: {pass_.pass_tokens_per_s / pass_.serial_tokens_per_s|number}×",
        "parallel / MBU ƒ: {pass_.pass_mbu|percent}", "serial / MBU ƒ: {pass_.serial_mbu|percent}",
        "factor ƒ / MBU ƒ: {pass_.pass_mbu / pass_.serial_mbu|number}×",
        "parallel / MFU ƒ: {pass_.pass_mfu|percent}", "serial / MFU ƒ: {pass_.serial_mfu|percent}",
        "factor ƒ / MFU ƒ: {pass_.pass_mfu / pass_.serial_mfu|number}×",
        "parallel / Agree ●: {pass_.agreeing|count}/{pass_.tokens|count}",
        "parallel / Passes ●: 1", "serial / Passes ●: {pass_.serial_steps|count}",
        "factor ƒ / Passes ●: {pass_.serial_steps|number}×",
        "parallel / Tokens a pass ƒ: {pass_.tokens|number}",
        "serial / Tokens a pass ƒ: {pass_.tokens / pass_.serial_steps|number}",
        "factor ƒ / Tokens a pass ƒ: {pass_.serial_steps|number}×",
    ),
    "ParallelChart._draw": (
        "serial: {pass_.serial_steps|count} steps, one after the other, {pass_.serial_s|seconds} ●",
        "parallel: one pass over {pass_.positions|count} positions, {pass_.pass_s|seconds} ●",
    ),
    "tip ParallelChart": (
        "step {=step}, {~}: {of(step).wall_s|seconds}, {of(step).positions.computed|count} positions ●",
    ),
}  # fmt: skip

_MEASURED: Final = ("kv", "paged", "paged_together", "sdpa", "native", "native_memory")
"""The improvements of the recorded suite."""

BEFORE_AFTER: Final[Texts] = {
    "header": ("{len(factors)|count} measured", "most: {best|plain}× ƒ"),
    "label": (
        "Measures 64 greedy tokens after “{~}”, timed 3 times after a run that warms up",
        "Measured: {len(all.requests[0].token_ids)|count} greedy tokens after “{~}”, "
        "timed {all.before_after.kv.off.repeats|count} times after a run that warms up",
    ),
    "tip of QSpinBox": (
        "How many tokens each run generates; in a batch the longest request has 1.2 times as many.",
    ),
    "table ClaimTable": (
        *(f"{IMPROVEMENTS[key][0]} / {head} ●: {{measured('{key}', '{side}')|plain}}"
          for key in _MEASURED for head, side in (("Off", "off"), ("On", "on"))),
        *(f"{IMPROVEMENTS[key][0]} / Ran ●: {{ran('{key}')|plain}}" for key in _MEASURED),
        *(f"{IMPROVEMENTS[key][0]} / Factor ƒ: {{all.before_after.{key}.factor|number}}× ƒ" for key in _MEASURED),
        f"{IMPROVEMENTS['kv'][0]} / Reference ~: O(T²) → O(T) ~",
        *(f"{IMPROVEMENTS[key][0]} / Reference ~: {claim} ~"
          for key, claim in (("paged", "2–4×"), ("paged_together", "2–4×"), ("draft", "2–3×"), ("ngram", "2–3×"),
                             ("sdpa", "2–4×"), ("triton", "2–4×"), ("native", "2–4×"))),
    ),
    "tip ClaimTable": (
        "Reference: “{~}”, section 8, item 1: KV cache, from O(T²) to O(T).",
        "Reference: “{~}”, section 8, item 2: PagedAttention, memory used 2–4 times as well.",
        "Reference: “{~}”, section 8, item 3: speculative decoding, 2–3 times as fast.",
        "Reference: “{~}”, section 8, item 4: FlashAttention, 2–4 times as fast.",
    ),
    "FactorChart._draw_bar": ("{factors|number}×",),
}  # fmt: skip

_AMOUNTS: Final = {
    "complexity": ("{{int({one}[0].value)|count}} positions ●", "{{{one}[1].value|rate FLOP}} ƒ"),
    "memory": ("{{{one}[0].value|memory}} {mark}", "{{{one}[1].value|memory}} a position ƒ"),
    "utilisation": ("{{{one}[0].value|percent}} ƒ",),
    "busy": ("{{{one}[0].value|percent}} ●",),
    "throughput": ("{{{one}[0].value|rate tokens/s}} ●",),
    "parallelism": ("{{int({one}[0].value)|count}} pass{{~}} ●", "{{{one}[1].value|number}} tokens a pass ƒ"),
}
_CLAIMS: Final = (
    "T× ({info.tokens / len(info.requests)|number}×)", "2N× ({2 * layers|count}×)", "O(batch×T×N×2)", "80–90 %",
    "20–40 %", "2–4×", "1000+ tokens/s", "10–50 tokens/s", "20–100×",
    "O(T²)",
)  # fmt: skip


def _amounts(metric: str, side: str) -> tuple[str, ...]:
    mark = "ƒ" if side == "training" else "●"
    return tuple(text.format(one=f"info.comparison.{metric}.{side}", mark=mark) for text in _AMOUNTS[metric])


_CELLS: Final = tuple(
    f"{METRICS[metric][0]} / {head}: {' · '.join(_amounts(metric, side))}"  # type: ignore[index]
    for metric in _AMOUNTS
    for head, side in (("Training (parallel)", "training"), ("Inference (serial)", "inference"))
)
_GAPS: Final = tuple(
    f"{METRICS[metric][0]} / Gap: {{info.comparison.{metric}.gap.value|number}}× ƒ"  # type: ignore[index]
    for metric in _AMOUNTS
)
_WITHOUT_FLOPS: Final = (
    "{int(info.comparison.complexity.inference[0].value)|count} positions ● · FLOPs not told by this server"
)
SUMMARY: Final[Texts] = {
    "header": ("one parallel pass gives tokens {info.comparison.throughput.gap.value|number}× ƒ as fast",),
    "label": (
        "all {info.steps|count} steps", "steps {info.range.first|count}–{info.range.last|count}",
        "{info.timeline.teacher_passes|count} teacher-forced pass{~}",
    ),
    "table ClaimTable": (
        *_CELLS, *_GAPS, *(f"{{~}} / Reference ~: {claim}" for claim in _CLAIMS),
        f"{METRICS['complexity'][0]} / Inference (serial): {_WITHOUT_FLOPS}",
    ),
    "tip ClaimTable": (
        *(" · ".join(_amounts(metric, side)) for metric in _AMOUNTS for side in ("training", "inference")),
        *(f"{{info.comparison.{metric}.gap.value|number}}× ƒ" for metric in _AMOUNTS),
        _WITHOUT_FLOPS,
        *(f"Reference: {claim} ~" for claim in _CLAIMS),
    ),
}  # fmt: skip
