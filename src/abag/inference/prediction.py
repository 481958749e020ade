"""One prediction, and the same in plain words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

_BINDING: Final = "whether they bind at all it cannot tell"
_KNOWLEDGE: Final = {
    "in-domain": "the model knows this antigen or one like it, and antibodies like this one; "
    f"{_BINDING}",
    "new antibody": "the model knows this antigen or one like it, not antibodies like this one; "
    f"{_BINDING}",
    "new antigen": "the model knows antibodies like this one, not this antigen or one like it; "
    f"{_BINDING}",
    "neither known": "the model knows neither this antigen nor this antibody, nor ones like them; "
    f"{_BINDING}",
}
"""Verdict -> what it means. An antibody and an antigen that are known apart need not bind."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The prediction of one pair. ``pkd`` and KD are None for a model of ``rank_score``.

    Interval, domain and group errors are None for a model without a calibration; an end of the
    interval is None, too, where too few rows were held out to give one.
    """

    pkd: float | None
    kd_molar: float | None
    kd: str | None
    """KD with a unit that suits it, such as ``3.2 nM``."""
    rank_score: float | None
    nearest_similarity: float | None
    """Similarity to the nearest training pair, 0 to 1, where the model knows it."""
    model_id: str
    flags: tuple[str, ...]
    pkd_lower: float | None = None
    pkd_upper: float | None = None
    """Ends of the interval."""
    level: float | None = None
    """Share of such intervals that hold the measured value (see docs/uncertainty.md)."""
    domain: str | None = None
    """``in-domain``, ``new antibody``, ``new antigen`` or ``neither known``."""
    antibody_identity: float | None = None
    """CDR identity to the nearest training antibody, 0 to 1."""
    antigen_identity: float | None = None
    """Identity to the nearest training antigen, 0 to 1."""
    group_rmse: float | None = None
    """Root mean squared error that was measured for pairs with this verdict, pKd."""
    group_within_one: float | None = None
    """Share of those pairs whose error was at most 1 pKd."""
    group_rows: int | None = None
    """Number of those pairs."""
    antibody_similarity: float | None = None
    """K-mer cosine of the chains to those of the nearest training antibody, 0 to 1."""
    antigen_similarity: float | None = None
    """K-mer cosine to the nearest training antigen, 0 to 1."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "flags": list(self.flags)}

    def in_words(self) -> str:
        """The prediction for people, a few lines."""
        lines = [self._value()]
        if self.domain is not None:
            lines += [_KNOWLEDGE[self.domain], self._nearest(), self._measured()]
        if self.nearest_similarity is not None:
            line = f"nearest training pair: similarity {self.nearest_similarity:.2f} of 1"
            if self.antibody_similarity is not None and self.antigen_similarity is not None:
                line += (
                    f"; antibody: {self.antibody_similarity:.2f}; "
                    f"antigen: {self.antigen_similarity:.2f}"
                )
            lines.append(line)
        lines.append(f"model {self.model_id}")
        if self.flags:
            lines.append(f"flags {', '.join(self.flags)}")
        return "\n".join(lines)

    def _value(self) -> str:
        if self.pkd is None:
            return f"rank score {self.rank_score:.3f} (order inside its assay, not a pKd)"
        return f"pKd {self.pkd:.2f}{self._interval()}   KD {self.kd}"

    def _interval(self) -> str:
        if self.level is None:
            return " (no interval: the model is not calibrated)"
        if self.pkd_lower is None or self.pkd_upper is None:
            return " (no interval: too few such pairs were measured)"
        return f" ({100.0 * self.level:g} % {self.pkd_lower:.1f} to {self.pkd_upper:.1f})"

    def _nearest(self) -> str:
        return (
            f"nearest training antibody: CDR identity {self.antibody_identity or 0.0:.0%}, "
            f"{self._exact('antibody')}\n"
            f"nearest training antigen: identity {self.antigen_identity or 0.0:.0%}, "
            f"{self._exact('antigen')}"
        )

    def _exact(self, role: str) -> str:
        """What the flag says, which is of exact sequences, where the verdict is of relatives."""
        new = f"{role}_not_in_training" in self.flags
        return "not this exact sequence" if new else "this exact sequence"

    def _measured(self) -> str:
        if self.group_rmse is None or self.group_within_one is None:
            return "the error on such pairs is not known: the training table had none to hold out"
        return (
            f"error on {self.group_rows:,} held-out pairs of this kind: RMSE {self.group_rmse:.2f} "
            f"pKd, {self.group_within_one:.0%} within 1 pKd"
        )
