"""One prediction, and the same in plain words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final

from abag.errors import counted
from abag.inference.trust import Binding
from abag.model.pairs.relatives import MOST_OF_A_VARIANT
from abag.pages import notebook
from abag.uncertainty.domain import Verdict

_DOUBTFUL: Final = 0.9
"""Score of a variant under which its binding may be lost."""
_MANY: Final = 6
"""Changes in CDRs from which it may be lost whatever the predicted pKd: of designs with six to nine
a quarter bound, of those with more 3 % (docs/predict.md)."""
_ANOTHER_STRAIN: Final = 3
"""Substitutions of the antigen from which the number holds only if the pair binds: one or two are
made to repair a construct, or stand in most people's copy of a gene."""
_KNOWLEDGE: Final = {
    Verdict.VARIANT: "this antibody, or one from which it differs little, was "
    "measured on this antigen or one nearly like it",
    Verdict.NEW_ANTIBODY: "this antigen or one like it was measured, with other "
    "antibodies than this one",
    Verdict.NEW_ANTIGEN: "this antibody or one like it was measured, on another antigen",
    Verdict.NEITHER: "neither this antigen nor this antibody was measured, nor ones like them",
}
"""Verdict -> what it means."""


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
    domain: Verdict | None = None
    """The verdict, by what was measured together."""
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

    binding: Binding | None = None
    """What evidence there is that the pair binds at all; ``none``: pKd is of a pair that does."""
    binding_score: float | None = None
    """0 to 1, more evidence is higher; None where nothing can be said."""
    level_pkd: float | None = None
    """Level of the nearest measured relative, pKd; the whole prediction where there is none."""
    delta_pkd: float | None = None
    """Effect of the changes from it; pkd = level_pkd + delta_pkd."""
    changes: int | None = None
    """Residues that differ from the relative; None without one."""
    cdr_changes: int | None = None
    """Those of them in CDRs."""
    relative_pkd: float | None = None
    """Measured pKd of the relative."""
    relative_antigen: str | None = None
    """Antigen on which it was measured."""
    antigen_changes: int | None = None
    """Residues in which the antigen differs from that one; None without a relative."""
    known_antigens: str | None = None
    """Antigens that the antibody, or one like it, is known to bind."""

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**asdict(self), "flags": list(self.flags)}

    def _repr_html_(self) -> str:
        first, *lines = self.in_words().split("\n")
        return notebook(first, lines)

    def in_words(self) -> str:
        """The prediction for people, a few lines."""
        lines = [self._value()]
        if self.domain is not None:
            lines += [f"{self.domain}: {_KNOWLEDGE[self.domain]}", *self._parts()]
            lines += [self._evidence()] if self.binding is not None else []
            lines += [self._nearest(), self._measured()]
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
        unsure = self.binding is Binding.NOTHING or (self.antigen_changes or 0) >= _ANOTHER_STRAIN
        condition = "   IF IT BINDS" if unsure else ""
        return f"pKd {self.pkd:.2f}{self._interval()}   KD {self.kd}{condition}"

    def _parts(self) -> list[str]:
        """Level and effect of the changes, where there is a relative."""
        if self.changes is None or self.relative_pkd is None:
            return []
        where = f"measured on {self.relative_antigen}: pKd {self.relative_pkd:.2f}"
        if self.antigen_changes:
            differs = counted(self.antigen_changes, "residue")
            where += f" (the antigen asked about differs from it in {differs})"
        if not self.changes:
            return [where]
        changed = f"{counted(self.changes, 'change')} from it, {self.cdr_changes} in CDRs"
        if self.changes - (self.cdr_changes or 0) > MOST_OF_A_VARIANT and not self.delta_pkd:
            return [
                f"nearest relative {where}; {changed}: an antibody that arose apart, so what the "
                "changes cost is not asked"
            ]
        return [
            f"nearest relative {where}; {changed}",
            f"level of the relative {self.level_pkd:.2f}, effect of the changes "
            f"{self.delta_pkd:+.2f}",
        ]

    def _evidence(self) -> str:
        if self.binding is Binding.MEASURED:
            return "evidence that it binds: measured"
        if self.binding is Binding.RELATIVE:
            lost = (self.binding_score or 0.0) < _DOUBTFUL or (self.cdr_changes or 0) >= _MANY
            doubt = "; with these changes it may be lost" if lost else ""
            return f"evidence that it binds: its relative does{doubt}"
        if self.binding is Binding.CLOSE:
            return (
                "evidence that it binds: it, or its relative, binds an antigen nearly like this "
                "one; where the changed residues are in contact, binding is lost"
            )
        if self.known_antigens is not None:
            return (
                f"nothing says that it binds: it is known to bind {self.known_antigens}, and an "
                "antibody does not bind a foreign antigen"
            )
        if self.binding is Binding.NOTHING:
            return "nothing says that it binds: the number holds if it does"
        return "evidence that it binds: it resembles antibodies that bind this antigen (weak)"

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
