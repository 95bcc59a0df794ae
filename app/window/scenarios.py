"""The nine experiments of the Scenarios menu: the run, the panels that show it, and what to look at there.

A scenario is a file of `assets/scenarios`: TOML with the run's settings, the panels by rows of cells, and its title and
two or three sentences in each language of the window.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, get_args

from app.core.layout import Row
from app.core.preferences import Language
from app.core.translation import resolve
from engine.core.settings import Detail, Observation, Probe, RunSpec, SwitchChange, Switches
from engine.errors import InputError

FOLDER: Final = Path(__file__).resolve().parents[2] / "assets" / "scenarios"
LANGUAGES: Final = ("en", "zh_CN")


@dataclass(frozen=True, slots=True)
class Scenario:
    """One experiment. Its requests are a prompt, or a request list beside the scenario's file."""

    section: str
    panels: tuple[Row, ...]
    """Rows of cells; a cell holds panels as tabs, the first in front."""
    texts: dict[str, tuple[str, str]]
    """(title, what to look at) by language."""
    cards: dict[str, str] = field(default_factory=dict)
    """The sentence on the scenario's card, by language; where there is none, the first sentence of what to look at."""
    prompt: str = ""
    requests: Path | None = None
    max_new_tokens: int = 64
    ignore_eos: bool = False
    greedy: bool = False
    """Sample greedily, even if the run panel was set otherwise, so that two settings can be compared."""
    detail: Detail = "phase"
    all_heads: bool = False
    """Record the attention of every head of the first layer, not of one head."""
    teacher_pass: bool = False
    switches: Switches = field(default_factory=Switches)
    switch_at: tuple[SwitchChange, ...] = ()

    def title(self, language: Language) -> str:
        """The number and the title, in the language of the window."""
        return f"{self.section}  {self.texts[resolve(language)][0]}"

    def name(self, language: Language) -> str:
        """The title without the number."""
        return self.texts[resolve(language)][0]

    def look(self, language: Language) -> str:
        """What to look at."""
        return self.texts[resolve(language)][1]

    def card(self, language: Language) -> str:
        """One sentence about the scenario, for its card."""
        return self.cards.get(resolve(language)) or first_sentence(self.look(language))

    def run_spec(self, shown: RunSpec) -> RunSpec:
        """The run: what the run panel shows once the scenario is set up, and settings that have no control there."""
        probe = Probe(0, None) if self.all_heads else shown.observation.probe
        observation = Observation(self.detail, probe)
        return replace(shown, observation=observation, switch_at=self.switch_at, teacher_pass=self.teacher_pass)

    def unavailable(self, reasons: dict[str, str]) -> str:
        """Why the scenario cannot run here (`ModelReady.unavailable`); empty where it can."""
        wanted = [vars_of(self.switches), *(change.changes for change in self.switch_at)]
        for values in wanted:
            for name, value in values.items():
                if f"{name}={value}" in reasons:
                    return reasons[f"{name}={value}"]
        return ""


def first_sentence(text: str) -> str:
    """The first sentence of a text in English or Chinese."""
    return re.split(r"(?<=[.!?])\s|(?<=[。！？])", text, maxsplit=1)[0].strip()


def vars_of(switches: Switches) -> dict[str, Any]:
    """The switches that differ from their defaults; the defaults can always run."""
    default = Switches()
    names = Switches.__dataclass_fields__
    return {name: getattr(switches, name) for name in names if getattr(switches, name) != getattr(default, name)}


def load_scenarios(folder: Path = FOLDER) -> list[Scenario]:
    """The scenarios of a folder, sorted by file name; raises InputError that names the wrong file."""
    return [load_scenario(path) for path in sorted(folder.glob("*.toml"))]


def load_scenario(path: Path) -> Scenario:
    """The scenario of a file; raises InputError that names the file and what is wrong with it."""
    try:
        facts = tomllib.loads(path.read_text(encoding="utf-8"))
        texts = {language: (str(facts[language]["title"]), str(facts[language]["look"])) for language in LANGUAGES}
        detail = next((one for one in get_args(Detail) if one == facts.get("detail", "phase")), None)
        if detail is None:
            raise InputError(f"detail must be one of {', '.join(get_args(Detail))}")
        return Scenario(
            section=str(facts["section"]),
            panels=tuple(tuple(tuple(str(name) for name in cell) for cell in row) for row in facts["panels"]),
            texts=texts,
            cards={language: str(facts[language]["card"]) for language in LANGUAGES if "card" in facts[language]},
            prompt=str(facts.get("prompt", "")),
            requests=path.parent / str(facts["requests"]) if "requests" in facts else None,
            max_new_tokens=int(facts.get("max_new_tokens", 64)),
            ignore_eos=bool(facts.get("ignore_eos", False)),
            greedy=bool(facts.get("greedy", False)),
            detail=detail,
            all_heads=bool(facts.get("all_heads", False)),
            teacher_pass=bool(facts.get("teacher_pass", False)),
            switches=Switches().changed(**facts.get("switches", {})),
            switch_at=tuple(SwitchChange(int(one["step"]), dict(one["changes"])) for one in facts.get("switch_at", ())),
        )
    except OSError as error:
        raise InputError(f"The scenario {path} cannot be read: {error.strerror}.") from error
    except KeyError as error:
        raise InputError(f"The scenario {path} has no {error.args[0]!r}.") from error
    except (ValueError, TypeError, InputError) as error:
        raise InputError(f"The scenario {path} is wrong: {str(error).rstrip('.')}.") from error
