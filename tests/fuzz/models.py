"""Model folders from other people: configs, weights' headers, tokenizers and templates that are wrong or do harm."""

from __future__ import annotations

import json
import random
import shutil
import struct
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from tests.fuzz import hostile
from tests.fuzz.cases import Case, one_more
from tests.fuzz.kinds import ordinary, put_something_else

TEMPLATES: Final = (
    "{% for i in range(10 ** 9) %}{% endfor %}",
    "{{ 'a' * 10 ** 10 }}",
    "{% for i in range(10 ** 6) %}{{ 'a' * 10000 }}{% endfor %}",
    "{{ range(10 ** 12) | list }}",
    "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "{{ messages.__class__.__mro__ }}",
    "{{ ''.__class__.__bases__[0].__subclasses__() }}",
    "{% include '/etc/passwd' %}",
    "{{ 1 / 0 }}",
    "{{ raise_exception('no') }}",
    "{" * 50_000,
    "{{ " + "(" * 20_000 + "1" + ")" * 20_000 + " }}",
    "{{ " + "+".join(["1"] * 50_000) + " }}",
    "{% if true %}" * 2000 + "{% endif %}" * 2000,
    "{{ messages[0]['content'] | replace('a', 'b' * 10 ** 7) | length }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ ('%' ~ 10 ** 9 ~ 'd') % 1 }}",
    "{{ '{:>1000000000}'.format(1) }}",
    "{{ undefined.a.b }}",
    "",
    "{{ '\ud800' }}",
    "{{ messages | tojson(indent=10 ** 9) }}",
    "{{ lipsum(n=10 ** 7) }}",
    "{{ cycler.__init__.__globals__ }}",
    "{% set x = namespace(v='a') %}{% for i in range(60) %}{% set x.v = x.v + x.v %}{% endfor %}{{ x.v }}",
    "{{ 'a' | center(10 ** 10) }}",
    "{{ strftime_now('%Y' * 10 ** 6) }}",
    "{{ messages | batch(10 ** 9, 'x') | list }}",
    "{% generation %}{% endgeneration %}{{ bos_token * 10 }}",
    "{{ messages[0]['content'] | wordwrap(0) }}",
)
PROMPTS: Final = (
    ("--prompt", "t3 t4 t5"),
    ("--prompt", "t3", "--prompt", "t4 t96"),
    ("--prompt", ""),
    ("--prompt", "x" * 2000),
    ("--prompt", "t5 t6", "--chat"),
)
OPTIONS: Final = (
    (),
    (),
    (),
    ("--kv", "paged"),
    ("--kv", "none"),
    ("--temperature", "1"),
    ("--speculate", "ngram"),
    ("--detail", "layer"),
    ("--attention-layer", "0"),
    ("--dtype", "float32"),
    ("--stop", "t7"),
)

Change = Callable[[random.Random, Path], str]


def make(rng: random.Random, bases: Path, folder: Path) -> Case:
    """A model folder that nobody should have published, and a run of it."""
    kind = rng.choice(["llama", "llama", "gemma3", "gpt2"])
    target = folder / "model"
    shutil.copytree(bases / kind, target)
    done: list[str] = []
    for _ in range(rng.choice([1, 1, 1, 2, 3])):
        change = rng.choices(list(CHANGES), list(CHANGES.values()))[0]
        one_more(done, partial(change, rng, target), (OSError, ValueError, RecursionError))
    good = bases / "llama" if rng.random() < 0.12 else None
    named = f"{kind}{' as a draft' if good else ''}: {'; '.join(done)}"
    return Case(named[:400], target, (_record(rng, target, target_of=good),))


def make_template(rng: random.Random, bases: Path, folder: Path) -> Case:
    """A model folder whose chat template is wrong or does harm."""
    target = folder / "model"
    shutil.copytree(bases / "llama", target)
    return Case(template(rng, target), target, (_record(rng, target, ("--prompt", "t5 t6", "--chat")),))


def _record(
    rng: random.Random, model: Path, prompt: tuple[str, ...] = (), target_of: Path | None = None
) -> tuple[str, ...]:
    """A run of a model; of the model `target_of`, whose draft it is, where there is one; of both at times."""
    asked = prompt or rng.choice(PROMPTS)
    drafts = ("--draft-model", str(model), "--speculate", "draft")
    options = drafts if target_of or rng.random() < 0.05 else rng.choice(OPTIONS)
    target = str(target_of or model)
    return "record", "--model", target, *asked, "--max-new-tokens", "3", "--threads", "1", *options, "--json"


def _edit(rng: random.Random, path: Path) -> None:
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for _ in range(rng.choice([1, 1, 2])):
        known = hostile.bent(rng, known)
    path.write_text(hostile.json_text(rng, known) if rng.random() < 0.15 else json.dumps(known), encoding="utf-8")


def config(rng: random.Random, folder: Path) -> str:
    """A number of the config is another."""
    path = ordinary(folder / "config.json")
    known = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(known, dict) or not known or rng.random() < 0.3:
        _edit(rng, path)
        return "config bent"
    name = rng.choice([*known, "sliding_window", "rope_scaling", "num_experts", "quantization_config", "head_dim"])
    new = hostile.scalar(rng) if rng.random() < 0.8 else hostile.bent(rng, known.get(name))
    path.write_text(json.dumps({**known, name: new}), encoding="utf-8")
    return f"config {name} = {repr(new)[:60]}"


def tokenizer(rng: random.Random, folder: Path) -> str:
    """A tokenizer whose parts do not fit each other."""
    path = ordinary(folder / "tokenizer.json")
    known = json.loads(path.read_text(encoding="utf-8"))
    if rng.random() < 0.4 and isinstance(known, dict):
        part = rng.choice(
            [
                "added_tokens",
                "normalizer",
                "pre_tokenizer",
                "post_processor",
                "decoder",
                "model",
                "truncation",
                "padding",
            ]
        )
        known[part] = rng.choice(
            [
                [
                    {
                        "id": hostile.whole(rng),
                        "content": rng.choice(hostile.TEXTS)[:200],
                        "special": True,
                        "single_word": False,
                        "lstrip": False,
                        "rstrip": False,
                        "normalized": False,
                    }
                ],
                {"type": "Replace", "pattern": {"Regex": "(a+)+$"}, "content": "x"},
                {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated", "invert": False},
                {"type": "ByteLevel"},
                {"type": "Precompiled", "precompiled_charsmap": "AAAA"},
                {"type": "BPE", "vocab": {"a": 0, "b": 2**31}, "merges": [["a", "b"]]},
                {"type": "BPE", "vocab": {}, "merges": []},
                {
                    "type": "TemplateProcessing",
                    "single": [{"SpecialToken": {"id": "x", "type_id": 0}}],
                    "pair": [],
                    "special_tokens": {},
                },
                {"type": "Unigram", "vocab": [["a", float("nan")]], "unk_id": 5},
                {"type": "Sequence", "decoders": []},
                None,
                [],
                {
                    "strategy": {"Fixed": 2**40},
                    "direction": "Right",
                    "pad_to_multiple_of": None,
                    "pad_id": 0,
                    "pad_type_id": 0,
                    "pad_token": "x",
                },
                {"direction": "Right", "max_length": 0, "strategy": "LongestFirst", "stride": 5},
            ]
        )
        path.write_text(json.dumps(known), encoding="utf-8")
        return f"tokenizer's {part}"
    _edit(rng, path)
    return "tokenizer bent"


def other_json(rng: random.Random, folder: Path) -> str:
    """One of the smaller files."""
    name = rng.choice(
        ["tokenizer_config.json", "generation_config.json", "special_tokens_map.json", "model.safetensors.index.json"]
    )
    _edit(rng, folder / name)
    return f"{name} bent"


def index(rng: random.Random, folder: Path) -> str:
    """Weights that lie elsewhere, as an index says."""
    where = rng.choice(
        [
            "../model.safetensors",
            "/etc/passwd",
            "/dev/zero",
            "a\nb",
            "",
            ".",
            "nothing.safetensors",
            5,
            None,
            "x" * 5000,
        ]
    )
    path = ordinary(folder / "model.safetensors.index.json")
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"metadata": {}, "weight_map": {}}
    names = list(known["weight_map"]) or ["model.embed_tokens.weight"]
    known["weight_map"][rng.choice(names)] = where
    path.write_text(json.dumps(known), encoding="utf-8")
    return f"index names {str(where)[:30]!r}"


def weights(rng: random.Random, folder: Path) -> str:
    """A header of weights that lies, or weights that are no numbers."""
    path = ordinary(rng.choice(sorted(folder.glob("*.safetensors"))))
    data = path.read_bytes()
    (size,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + size])
    body = data[8 + size :]
    name = rng.choice([key for key in header if key != "__metadata__"])
    match rng.randrange(7):
        case 0:
            path.write_bytes(
                struct.pack("<Q", rng.choice([0, 1, size - 1, size + 1, 2**31, 2**63, 2**64 - 1])) + data[8:]
            )
            return "length of the header"
        case 1:
            path.write_bytes(hostile.damaged(rng, data[: 8 + size]) + body)
            return "bytes of the header"
        case 2:
            path.write_bytes(
                data[: 8 + size] + rng.choice([b"\xff" * len(body), b"", body[:-4], body + b"x", bytes(len(body))])
            )
            return "numbers of the weights"
        case 3:
            header[name]["shape"] = rng.choice(
                [[], [-1], [2**40, 2**40], [0], [1] * 5000, "x", [1.5], [None], [*header[name]["shape"], 1]]
            )
        case 4:
            header[name]["data_offsets"] = rng.choice(
                [[0, 2**63], [-4, 4], [8, 0], [0, 0], [0], "x", [0, len(body) + 100]]
            )
        case 5:
            header[name]["dtype"] = rng.choice(["F64", "F8_E4M3", "I8", "BOOL", "X", "", None, 5, "F32\n"])
        case _:
            other = rng.choice(
                ["", "a\nb", "model." * 1000, hostile.HALF, "model.layers.99999999999.x", "model.layers.-1.x"]
            )
            header[other] = header.pop(name)
    _write(path, header, body)
    return f"header of {name}"


def _write(path: Path, header: dict[str, Any], body: bytes) -> None:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


def gguf(rng: random.Random, folder: Path) -> str:
    """A GGUF file beside the weights, or in their place, with a header that lies."""
    counts = [rng.choice([0, 1, 3, 2**31, 2**63, 2**64 - 1]) for _ in range(2)]
    data = (
        b"GGUF" + struct.pack("<IQQ", rng.choice([1, 2, 3, 2**31]), *counts) + rng.randbytes(rng.choice([0, 20, 400]))
    )
    for path in folder.glob("*.safetensors"):
        path.unlink()
    ordinary(folder / rng.choice(["model.gguf", "model.safetensors"])).write_bytes(data)
    return "GGUF in their place"


def something_else(rng: random.Random, folder: Path) -> str:
    """No ordinary file under one of the names."""
    names = [*(file.name for file in folder.iterdir()), "generation_config.json", "chat_template.jinja"]
    name = rng.choice(names)
    return f"{name}: {put_something_else(rng, folder / name)}"


def raw(rng: random.Random, folder: Path) -> str:
    """Bytes of one of the files."""
    path = rng.choice([file for file in folder.iterdir() if file.is_file()])
    path.write_bytes(hostile.damaged(rng, path.read_bytes()))
    return f"bytes of {path.name}"


def template(rng: random.Random, folder: Path) -> str:
    """A chat template that does not end, does not parse, asks for all memory, or wants out."""
    text = rng.choice(TEMPLATES)
    if rng.random() < 0.3:
        text = f"{{% for m in messages %}}{rng.choice(TEMPLATES)}{{% endfor %}}{text}"
    if rng.random() < 0.3:
        ordinary(folder / "chat_template.jinja").write_text(text, encoding="utf-8", errors="surrogatepass")
    else:
        path = ordinary(folder / "tokenizer_config.json")
        path.write_text(
            json.dumps({**json.loads(path.read_text(encoding="utf-8")), "chat_template": text}), encoding="utf-8"
        )
    return f"template {text[:60]!r}"


CHANGES: Final[dict[Change, float]] = {
    config: 5,
    tokenizer: 3,
    other_json: 1.5,
    index: 0.7,
    weights: 2.5,
    gguf: 0.3,
    something_else: 1,
    raw: 1,
    template: 1,
}
"""What is done to a model folder, and how often."""
