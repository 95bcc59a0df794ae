"""How the next token is drawn: the settings, and the filters that rule tokens out before the draw.

A filter is a subclass of `Filter`, an entry of FILTERS and a field of `Sampling`, all in this file. The command line,
request files, a checkpoint's suggested settings, and the eager and the captured draw use these definitions. This file
does not import torch at run time: a filter uses the methods of the tensors that it is given.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Protocol, get_type_hints

from engine.core.ranges import check_range
from engine.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor


class Ranks(Protocol):
    """The limits of one filter, one per row, and the order of each row's values as far as the filter needs it.

    The eager and the captured draw have separate implementations (`engine.sampling.ranks`).
    """

    @property
    def limits(self) -> Tensor:
        """The limit that each row's `Sampling` sets for this filter, float64 [R, 1]."""

    def nth_best(self, values: Tensor) -> Tensor:
        """The limit-th largest of each row of `values` [R, vocab] as [R, 1], -inf where the limit is 0.

        With a limit above the vocabulary size, no value of the row is smaller than the result.
        """

    def best_first(self, values: Tensor) -> tuple[Tensor, Tensor]:
        """Each row of `values` [R, vocab] from the likeliest token to the least likely, and the ids of these tokens.

        Tokens that were ruled out may be at any place.
        """


class Filter(ABC):
    """Rules tokens out by the value of one field of `Sampling`."""

    name: ClassVar[str]
    """The field of `Sampling`, the key in request files and generation_config.json, and the option `--name`."""
    metavar: ClassVar[str]
    """The placeholder of the value in `record --help`."""
    neutral: ClassVar[float]
    """The value that rules no token out."""
    neutral_limit: ClassVar[float | None] = None
    """The limit of rows that do not use the filter, where it is applied to every row; None: `neutral`."""
    ordered: ClassVar[bool] = True
    """Whether `rule_out` asks its ranks for the order of a row, for which a captured step must sort."""
    after_softmax: ClassVar[bool] = False
    """Whether `rule_out` is given probabilities instead of logits. Such filters stand last in FILTERS."""

    def used_by(self, sampling: Sampling) -> bool:
        return bool(getattr(sampling, self.name) != self.neutral)

    def captured_limit(self, sampling: Sampling) -> float:
        """The limit of a row of a captured step, which applies every filter to every row."""
        if self.neutral_limit is not None and not self.used_by(sampling):
            return self.neutral_limit
        return float(getattr(sampling, self.name))

    @abstractmethod
    def check(self, value: float) -> None:
        """Raise InputError for a value out of range."""

    @abstractmethod
    def rule_out(self, values: Tensor, ranks: Ranks) -> Tensor:
        """`values` float64 [R, vocab] with -inf (of probabilities: 0) for each token that is ruled out.

        `values` are the logits divided by the temperature, or with `after_softmax` the probabilities, which sum to 1
        over the tokens that earlier filters left. Each row has at least one token left. Captured steps call this, too:
        nothing may be read back from the device, and no shape may depend on values.
        """


class MinP(Filter):
    """Keeps tokens with at least `min_p` times the best token's probability (Nguyen et al. 2024)."""

    name = "min_p"
    metavar = "M"
    neutral: ClassVar[float] = 0.0
    ordered = False

    def check(self, value: float) -> None:
        check_range(self.name, value, 0.0, 1.0)

    def rule_out(self, values: Tensor, ranks: Ranks) -> Tensor:
        # p_i / p_max = exp(x_i - x_max), so the test needs no softmax; log(0) = -inf keeps every token.
        return values.masked_fill(values - values.amax(-1, keepdim=True) < ranks.limits.log(), float("-inf"))


class TopK(Filter):
    """Keeps the k best tokens, and ties with the k-th."""

    name = "top_k"
    metavar = "K"
    neutral: ClassVar[int] = 0

    def check(self, value: float) -> None:
        check_range(self.name, value, 0, 2**31)

    def rule_out(self, values: Tensor, ranks: Ranks) -> Tensor:
        return values.masked_fill(values < ranks.nth_best(values), float("-inf"))


class TopP(Filter):
    """Keeps the fewest best tokens whose probabilities sum to at least p, always one or more (Holtzman et al. 2020)."""

    name = "top_p"
    metavar = "P"
    neutral: ClassVar[float] = 1.0
    neutral_limit = 2.0  # a sum of probabilities may be rounded up to 1
    after_softmax = True

    def check(self, value: float) -> None:
        if not 0.0 < value <= 1.0:
            raise InputError(f"{self.name} must be above 0 and at most 1, not {value}.")

    def rule_out(self, values: Tensor, ranks: Ranks) -> Tensor:
        best_first, ids = ranks.best_first(values)
        before = best_first.cumsum(-1) - best_first  # probability of all better tokens
        before[:, :1].fill_(-1.0)
        return values.scatter(-1, ids, best_first.masked_fill(before >= ranks.limits, 0.0))


FILTERS: Final[tuple[Filter, ...]] = (MinP(), TopK(), TopP())
"""Every filter, in the order in which they are applied."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the next token is drawn: the temperature is applied first, then FILTERS in their order.

    A temperature under 1e-5 is greedy; a filter at its neutral value is off. Request i draws from its own streams,
    seeded by (seed, i) and, for drafts, by (seed, i, 1). So it gives the same tokens in any batch as alone, under the
    same speculation (`off`, or the same proposer and k). Under another speculation its tokens differ but have the same
    distribution, because the test of a draft uses other numbers than a plain draw. Raises InputError for a value out of
    range. A new field goes last, because values are also given by position.
    """

    temperature: float = 0.0
    top_k: int = TopK.neutral
    top_p: float = TopP.neutral
    min_p: float = MinP.neutral
    seed: int = 0

    def __post_init__(self) -> None:
        check_range("temperature", self.temperature, 0.0, 100.0)
        for one in FILTERS:
            one.check(getattr(self, one.name))
        check_range("seed", self.seed, 0, 2**63 - 1)

    @property
    def greedy(self) -> bool:
        return self.temperature < 1e-5


KINDS: Final[dict[str, type[int] | type[float]]] = get_type_hints(Sampling)
"""The type of each setting by name, in the order of the fields."""
