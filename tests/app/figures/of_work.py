"""Sentences of the panels about work and memory: redundancy, KV memory, batch, attention, inspector."""

from __future__ import annotations

from typing import Final

from tests.app.figures import of_delays, of_slow
from tests.app.figures.of_time import Texts

CLASSES: Final = ("new", "recomputed", "padding", "rejected", "reused")

REDUNDANCY: Final[Texts] = {
    "header": (
        "{info.positions.computed|count} computed", "{info.positions.new|count} new",
        "{info.positions.recomputed|count} recomputed "
        "({info.positions.recomputed / info.positions.computed|percent}) ●",
    ),
    "RedundancyMap._draw_caption": ("only request {=request}; figures of all",),
    "draw_legend": tuple(f"{name} {{info.positions.{name}|count}}" for name in CLASSES),
    "LineChart._draw_labels": (
        "{~}: {info.totals.without_cache|count} ~", "computed: {info.positions.computed|count} ●",
        "cache, T: {info.totals.with_cache|count} ~", "{info.totals.flops|rate FLOP} ƒ",
    ),
    "tip RedundancyMap": (
        "step {=step}, position {=position}",
        "request {=request}: {class_at(step, position, request)|plain}: {~}",
        "this step: {of(step).positions.computed|count} computed, {of(step).positions.new|count} new, "
        "{of(step).positions.recomputed|count} recomputed, {of(step).positions.reused|count} reused ●",
    ),
    "tip LineChart": (
        "after step {=step}: {span(0, step).positions.computed|count} positions computed ●, "
        "{span(0, step).totals.flops|rate FLOP} ƒ",
        "steps {=first}–{=step}: {span(first, step).positions.computed|count} positions computed ●, "
        "{span(first, step).totals.flops|rate FLOP} ƒ",
        "after step {=step}: {span(0, step).positions.computed|count} positions computed ●",
        "steps {=first}–{=step}: {span(first, step).positions.computed|count} positions computed ●",
        "no cache would need {span(begin, step).totals.without_cache|count} ~, "
        "a cache {span(begin, step).totals.with_cache|count} ~",
    ),
}  # fmt: skip

MOMENTS: Final = (
    "Everything at step {peak.step|count}.",
    "Caches at their peak, step {peak.step|count}; all of it, activations and the allocator at their largest of the "
    "steps {info.range.first|count}–{info.range.last|count}.",
)
"""Of which moment the figures of the memory tree are."""
KV_MEMORY: Final[Texts] = {
    "picker": ("LLaMA-7B, T = 2048, fp16", "float16"),
    "tip of QComboBox": ("Reference: “{~}”, section 2, problem 2: memory of the KV cache.",),
    "header": (
        "after step {=step}", "after step {=step}, the last", "after step {=step}, the last of the selection",
        "at the peak, step {peak.step|count}",
        *(f"{{{of}.{name}_bytes|memory}} {name} ●" for of in ("kv", "kv_peak")
          for name in ("used", "held", "reserved")),
        "fragmentation {kv.fragmentation|percent} ƒ", "fragmentation {kv_peak.fragmentation|percent} ƒ",
        "formula {kv.formula_bytes|memory} ~", "formula {kv_peak.formula_bytes|memory} ~",
        "a cache would hold {kv.formula_bytes|memory} ~",
    ),
    "label": (
        "= {LLAMA_7B_BYTES|memory} ~", "{requests_that_fit|count} such requests fit ~", *MOMENTS,
        "The cache when requests held most of it in the steps {info.range.first|count}–{info.range.last|count}: "
        "step {peak.step|count}.",
    ),
    "LayerBars._draw_heading": (
        "after step {=step}: {at(step).kv_end.positions|count} positions alive ●",
        "Nothing is cached, because kv is none; for these {kv.positions|count} positions a cache would hold "
        "{kv.formula_bytes|memory} ~.",
    ),
    "LayerBars.paint": ("after step {=step}: {at(step).kv_end.positions|count} positions alive ●",),
    "LayerBars._draw_row": (
        "{=layer} | {kv.layers[layer].used_bytes|memory} | {kv.layers[layer].reserved_bytes|memory} | "
        "{kv.layers[layer].formula_bytes|memory}",
        "{=layer} | {kv.layers[layer].formula_bytes|memory}",
    ),
    "LineChart._draw_labels": (
        *(f"{name} {{end.{name}_bytes|memory}} ●" for name in ("used", "held", "kept", "reserved", "evictable")),
        "formula {end.formula_bytes|memory} ~",
        "1 − used/held {end.fragmentation|percent} ƒ",
    ),
    "LineChart._draw_title": (
        "figures after step {end.step|count}, the last", "figure after step {end.step|count}, the last",
    ),
    "tip LayerBars": (
        "layer {=layer} after step {=step}",
        "held {int(at(step).kv_end.held_bytes / layers)|memory} ●, "
        "kept for a batch that goes on {int(at(step).kv_end.kept_bytes / layers)|memory} ●, "
        "evictable {int(at(step).kv_end.evictable_bytes / layers)|memory} ●, "
        "nobody's {int(at(step).kv_end.free_bytes / layers)|memory} ƒ",
        "used {at(step).kv_end.layers[layer].used_bytes|count} B ●, "
        "reserved {at(step).kv_end.layers[layer].reserved_bytes|count} B ●",
        "formula 2 · {at(step).kv_end.positions|count} · {shape.kv_heads|count} · {shape.head_dim|count} · "
        "{shape.itemsize|count} = {int(at(step).kv_end.formula_bytes / layers)|count} B ~",
    ),
    "tip LineChart": (
        "after step {=step}: used {at(step).kv_end.used_bytes|memory}, "
        "reserved {at(step).kv_end.reserved_bytes|memory} ●",
        "held {at(step).kv_end.held_bytes|memory} ●, "
        "kept for a batch that goes on {at(step).kv_end.kept_bytes|memory} ●, "
        "evictable {at(step).kv_end.evictable_bytes|memory} ●, nobody's {at(step).kv_end.free_bytes|memory} ƒ",
        "after step {=step}: internal fragmentation {at(step).kv_end.fragmentation|percent} ƒ",
        "internal fragmentation {at(step).kv_end.fragmentation|percent} ƒ",
    ),
    "BlockMap.paint": (
        "after step {=step}: {at(step).kv_end.blocks.blocks|count} blocks of {at(step).kv_end.blocks.block_size|count} "
        "positions ●",
        "{kv.blocks.held|count} held, {kv.blocks.shared|count} of them shared", "{kv.blocks.evictable|count} evictable",
        "{kv.blocks.free|count} free",
        "{kv.blocks.kept|count} kept for a batch that goes on", "held blocks {kv.blocks.fill|percent} full ƒ",
        "Step {=step} ran without blocks (kv is {at(step).kv_end.kv|plain}). {~}",
    ),
    "BlockMap._draw_legend": (
        "request {=request}: {kv.blocks.by_request[request]|count}", "shared: {kv.blocks.shared|count}",
        "evictable: {kv.blocks.evictable|count}", "kept: {kv.blocks.kept|count}", "free: {kv.blocks.free|count}",
    ),
    "tip BlockMap": (
        "block {=block}: {block_of(block).state|plain} ƒ",
        "block {=block}: {block_of(block).state|plain}, kept in case its text comes again",
        "block {=block}: request {block_of(block).requests[0]|plain}",
        "block {=block}: kept, as the batch of its requests that have ended goes on: "
        "{', '.join(str(one) for one in block_of(block).requests)|plain}",
        "block {=block}: shared by requests {', '.join(str(one) for one in block_of(block).requests)|plain}",
        "positions {block_of(block).first|count}–{max(block_of(block).end - 1, block_of(block).first)|count}, "
        "{block_of(block).end - block_of(block).first|count} of {kv.blocks.block_size|count} written ƒ",
    ),
    "tree": tuple(
        sentence
        for name, part in (
            ("All of it", "total"), ("Weights", "weights"), ("KV cache, reserved", "kv"), ("used", "used"),
            ("held, not yet filled", "unfilled"), ("kept for a batch that goes on", "kept"),
            ("evictable", "evictable"), ("reserved, nobody's", "free"), ("Draft model", "draft"),
            ("Weights (draft)", "draft_weights"), ("KV cache (draft), reserved", "draft_kv"),
            ("used (draft)", "draft_kv_used"), ("held, not yet filled (draft)", "draft_kv_free"),
            ("Activations, at most", "activations"), ("Allocator's reserve", "allocator"), ("Everything else", "rest"),
        )
        for sentence in (
            f"{name} / Size: {{peak.{part}|memory}} {{~}}",
            f"{name} / Share ƒ: {{peak.{part} / (peak.total or known_bytes)|percent}}",
        )
    ),
    "tip of PlainLabel": ("2 · layers · positions · KV heads · head dim · bytes an element",),
    "tip of MemoryBar": MOMENTS + tuple(
        f"{name}: {{peak.{part} or 0|memory}}"
        for name, part in (
            ("Weights", "weights"), ("KV cache, reserved", "kv"), ("Draft model", "draft"),
            ("Activations, at most", "activations"), ("Allocator's reserve", "allocator"), ("Everything else", "rest"),
        )
    ),
}  # fmt: skip

SUBJECT: Final = ("request {T.request|plain}", "step {T.step|count}", "position {T.position|count}")
"""What a panel shows: the selected token, or the newest one."""

BATCH: Final[Texts] = {
    "tip of QPushButton": (
        "Run the same {=requests} requests of very different lengths on {=slots} slots: static, then continuous. "
        "The first four have 20, 10, 24 and 7 tokens.",
        "Reference: “{~}”, section 5: utilisation of a batch.",
    ),
    "table PolicyTable": (
        *(f"{name} / {head}: {{all.static_continuous.{name}.{what}}}" for name in ("static", "continuous")
          for head, what in (
              ("Requests ●", "requests|count"), ("Steps ●", "slots.steps|count"), ("Time ●", "wall_s|seconds"),
              ("Tokens/s ●", "tokens_per_s|rate tokens/s"), ("TTFT ƒ", "ttft_mean_s|seconds"),
              ("Longest TTFT ●", "ttft_longest_s|seconds"), ("Wasted ƒ", "slots.waste|percent"))),
        *(f"factor ƒ / {head}: {{all.static_continuous.factors.{what}|number}}×" for head, what in (
              ("Steps ●", "steps"), ("Time ●", "time"), ("Tokens/s ●", "tokens_per_s"), ("TTFT ƒ", "ttft_mean"),
              ("Longest TTFT ●", "ttft_longest"))),
    ),
    "header": (
        "continuous: tokens {all.static_continuous.factors.tokens_per_s|number}× as fast ƒ, TTFT "
        "{all.static_continuous.factors.ttft_mean|number}× shorter ƒ",
        *SUBJECT,
        "{@policy}: {part(policy).useful|count} of {part(policy).computed|count} slot-steps useful ●, "
        "{part(policy).waste|percent} wasted ƒ",
        "{@policy}: {part(policy).useful|count} slot-steps useful ●, padding not told by this server",
    ),
    "draw_legend": (
        "{@policy}, steps {part(policy).first|count}–{part(policy).last|count}",
        *(f"{name} {{[one.{name} for one in parts]|count}} ({{[one.{name} / (one.lanes * one.steps) for one in parts]"
          "|percent}) ●" for name in ("useful", "padding", "idle")),
        "{[one.computed for one in parts]|count} slot-steps computed, {[one.waste for one in parts]|percent} wasted ƒ",
        "preempted {[one.preempted for one in parts]|count}×",
        "no request {[one.idle for one in parts]|count} ({[one.idle / (one.lanes * one.steps) for one in parts]"
        "|percent}) ●",
    ),
    "_draw_number": ("request {=request}", "{=request}"),
    "draw_queue": ("≤ {[one.waiting_peak for one in parts]|count}",),
    "tip SlotChart": (
        "step {=step}, slot {=slot}", "step {=step}, lane {=slot}",
        "step {=step}: {len(of(step).waiting)|count} waiting ●",
        "requests {waiting(step)|plain}",
        "request {=request}: position {[one.first for one in in_slot(step, slot)]|count}",
        "request {=request}: positions {[one.first for one in in_slot(step, slot)]|count}–"
        "{[one.end - 1 for one in in_slot(step, slot)]|count}",
        "request {=number} (request {=request} of this session): position {[one.first for one in in_slot(step, slot)]"
        "|count}",
        "request {=number} (request {=request} of this session): positions {[one.first for one in in_slot(step, slot)]"
        "|count}–{[one.end - 1 for one in in_slot(step, slot)]|count}",
        *(f"{{[one.{name} for one in in_slot(step, slot)]|count}} {name}{{~}}"
          for name in CLASSES if name != "padding"),
        "{[one.padding for one in in_slot(step, slot)]|count} positions of padding ●",
        "preempted after this step; it came back in step {=back}",
    ),
}  # fmt: skip

ATTENTION: Final[Texts] = {
    "header": ("request {=REQUEST}", *SUBJECT[1:], "layer {=LAYER}", "head {=HEAD}", "{len(looks())|count} rows ●",
        "{len(looks_in_range())|count} of {len(looks())|count} rows ●",
        "{len(looks())|count} of {computed_of(REQUEST)|count} rows ●",
    ),
    "picker": ("{=head}", "colours to p95"),
    "label": (
        "mean of {=heads} heads ƒ",
        "{computed_of(REQUEST) - len(looks())|count} rows are missing. {~}",
        "{~}“{~}” ({=QUERY}), which chose “{~}” ({QUERY + 1|plain}), looks at most at “{~}” "
        "({look(QUERY).most_at|plain}), {look(QUERY).most|percent}",
        # of a row that chose no shown token: where recording was switched to another map in mid-run
        "?{~}“{~}” ({=QUERY}) looks at most at “{~}” ({look(QUERY).most_at|plain}), {look(QUERY).most|percent}",
        "entropy {look(QUERY).entropy_nats|number} nats ƒ",
        "90 % of it on {look(QUERY).nine_tenths_on|count} of the {QUERY + 1|count} tokens up to it ƒ",
        "No attention of layer {=layer}, head {=head} was recorded; tick “Record attention of the selected head” "
        "and run the prompt again.{~}",
        "No attention of layer {=layer}, head {=head} was recorded; tick “Record attention of the selected head” "
        "and run the prompt again. Recorded: {recorded_maps|plain}.",
        "No attention of layer {=layer}, mean of the heads was recorded; tick “Record attention of the selected head” "
        "and run the prompt again.",
        "No attention of layer {=layer}, mean of the heads was recorded; tick “Record attention of the selected head” "
        "and run the prompt again. Recorded: {recorded_maps|plain}.",
    ),
    "TokenFlow._paint_chip": ("{weights(QUERY)|short}",),
    "tip TokenFlow": ("“{~}” ({=key}): attention {weights(QUERY)[key]|percent}  ● measured", "“{~}” ({=key})"),
    "tip of QSpinBox": ("The layer whose attention is recorded and shown; layers count from 0.",),
    "tip of ColourBar": (
        "Attention probability: how much of its attention a query gives to a key (0 to 1).",
        "The scale ends at 0.{=decimals}",
        "the 95th percentile of the cells that are drawn. Larger values have the colour of the field above the bar.",
    ),
    "ColourBar._paint_clipped": ("> p95",),
    "HeadGrid.paint": ("{=head}", "{head_numbers()|number}"),
    "tip HeadGrid": (
        "layer {=layer}, head {=head}: {len(looks_in_range(head))|count} rows, mean entropy "
        "{sum(one.entropy_nats for one in looks_in_range(head)) / len(looks_in_range(head))|number} nats ƒ",
        "this row {[one.entropy_nats for one in looks(head)]|number} nats ƒ",
    ),
}  # fmt: skip

QUERY: Final[Texts] = {
    "header": ("{len(steps)|count} rows", "{asked_s|seconds} ●"),
}
"""What a query gives is held against the same SQL, in `copied.rows_of`."""

INSPECTOR: Final[Texts] = {
    "header": (*SUBJECT, "{T.probability|percent} ●", "step took {of(T.step).wall_s|seconds} ●"),
    "label": (
        "probability {T.probability|percent} ●", "logprob {T.logprob|number} nats",
        "entropy {T.entropy_nats|number} nats ●",
        "id {T.token_id|plain}", "position {T.position|count}",
        "{T.step|count}, {of(T.step).kind|plain}", "{of(T.step).wall_s|seconds} ●",
        "{T.gap_s|seconds} after the token before",
        "{T.request|plain} · {of_request.prompt_tokens|count} prompt tokens, "
        "{len(of_request.token_ids)|count} generated · first token after {of_request.ttft_s|seconds} ● · {~}",
        "Where “{~}” ({T.position - 1|plain}) looked to choose it (layer {=LAYER}, head {=HEAD}) ●",
        "Where “{~}” ({T.position - 1|plain}) looked to choose it (layer {=LAYER}, mean of the heads) ƒ",
        "The row of “{~}” ({T.position - 1|plain}), which chose it, was not recorded (layer {=LAYER}, head {=HEAD}). "
        "Step {T.step|count} recorded no attention. {~}",
        "The row of “{~}” ({T.position - 1|plain}), which chose it, was not recorded (layer {=LAYER}, mean of the "
        "heads). Step {T.step|count} recorded no attention. {~}",
        *of_delays.IN_INSPECTOR,
        *of_slow.IN_INSPECTOR,
    ),
    "tip of QToolButton": of_delays.TIP_OF_BUTTON,
    "TokenFlow._paint_chip": ("{weights(T.position - 1)|short}",),
    "tip TokenFlow": (
        "“{~}” ({=key}): attention {weights(T.position - 1)[key]|percent}  ● measured", "“{~}” ({=key})",
    ),
    "tip BarList": (
        "“{~}” · id {=id} · logprob {[one.logprob for one in T.alternatives if one.token_id == id]|number} nats ●",
    ),
    "BarList.paint": (
        "{~} | {[one.probability for one in T.alternatives]|percent}",
        "{@phase} | {of(T.step).phases_s[phase]|seconds}",
        *(f"{name} | {{of(T.step).positions.{name}|count}}" for name in CLASSES[:-1]),
        "reused from the cache | {of(T.step).positions.reused|count}",
    ),
}  # fmt: skip
