"""The few-shot model of one assay: fit, predict, save. What it is made of: :class:`AssayGP`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray
from pydantic import Field

from abag.data.tables import Pairs, rows_to_predict
from abag.errors import ModelError, SchemaError
from abag.files import sha256_of
from abag.model.alignment import AlignBy, chains_of, pair_refusals
from abag.model.array_model import ArrayModel, Arrays
from abag.model.assay_gp.censoring import Bounds, RowNormals, resolved
from abag.model.assay_gp.joint import JointScores, joint_scores
from abag.model.assay_gp.kernels.encoded import ENCODED, Encoded, encoder_origin
from abag.model.assay_gp.kernels.knowledge import KNOWLEDGE, Knowledge
from abag.model.assay_gp.kernels.novelty import Widening
from abag.model.assay_gp.kernels.substitution import Codes
from abag.model.assay_gp.kernels.terms import TERMS
from abag.model.assay_gp.mixture import Mixture, Sizes
from abag.model.assay_gp.objective import KernelChoice
from abag.model.assay_gp.positions import Positions
from abag.model.assay_gp.rows import (
    bounds_of,
    censored_rows,
    in_order,
    lengths,
    parent_of,
    relative_noise,
)
from abag.model.assay_gp.warping import Warp
from abag.model.mutation_effect import MutationEffect, load_mutation_effect
from abag.model.protocol import Settings
from abag.model.training_set import TrainingDomain, TrainingSet, TrainingSummary

Reals = NDArray[np.float64]
Embedding = Literal["none", "builtin", "antiberty"]

FEWEST_ROWS: Final = 5
ADDITIVE: Final = (("mutations", "effects"), ("mutations",))
"""Terms of each additive member."""


class AssayGPSettings(Settings):
    """Kernel, alignment and sizes."""

    align: AlignBy = Field(
        "auto",
        description="place (equal lengths), imgt, or auto: place where all lengths are equal.",
    )
    product: bool = Field(True, description="Product of substitution kernels over positions.")
    linear: bool = Field(True, description="Linear substitution kernel, a weight a position.")
    terms: str = Field(
        ",".join(TERMS), description=f"Additive terms, by commas, of {', '.join(TERMS)}; or none."
    )
    embedding: Embedding = Field(
        "none", description="Encoder whose view of the parent joins in; to fit needs torch."
    )
    site_spread: float = Field(
        0.4, gt=0.0, description="Prior spread of the logarithm of position weights."
    )
    additive: bool = Field(
        True, description="Average with models of additive effects, by leave-one-out likelihood."
    )
    warp: bool = Field(
        True, description="Learn scores of the targets, mostly those of their ranks."
    )
    exact_rows: int = Field(
        4_000, ge=10, description="More training rows are solved by way of inducing variants."
    )
    inducing: int = Field(1_500, ge=10, description="Number of inducing variants.")
    max_rows: int = Field(
        100_000, ge=10, description="More training rows are sampled to this many."
    )
    hyper_rows: int = Field(500, ge=10, description="Rows on which hyper-parameters are chosen.")

    @property
    def kernels(self) -> tuple[KernelChoice, ...]:
        """Which kernels take part in each member."""
        terms = (*self.term_names, *(() if self.embedding == "none" else ENCODED))
        rich = KernelChoice(self.product, self.linear, terms, self.site_spread)
        choices = [rich]
        for names in ADDITIVE if self.additive else ():
            additive = tuple(name for name in names if name in self.term_names)
            plain = KernelChoice(False, False, additive, self.site_spread)
            choices += [plain] if additive and plain not in choices else []
        return tuple(choices)

    @property
    def sizes(self) -> Sizes:
        """How many rows are used for what."""
        return Sizes(self.hyper_rows, self.exact_rows, self.inducing, self.seed)

    @property
    def term_names(self) -> tuple[str, ...]:
        """The additive terms."""
        if self.terms.strip() in ("", "none"):
            return ()
        names = tuple(name.strip() for name in self.terms.split(","))
        unknown = [name for name in names if name not in TERMS]
        if unknown:
            raise ModelError(f"unknown term {unknown[0]!r}; known are {', '.join(TERMS)}")
        return names


@dataclass(frozen=True, slots=True)
class Predictions:
    """Median and bounds of a new measurement of each row, in the target's unit."""

    median: Reals
    lower: Reals
    upper: Reals
    mean_score: Reals
    """Posterior mean on the scale of normal scores."""
    deviation: Reals
    """Posterior deviation on that scale, without noise."""
    limited: NDArray[np.bool_]
    """Rows of which the median or a bound stands at a limit of the model's predictions."""


class AssayGP(ArrayModel[AssayGPSettings]):
    """Gaussian process on the variants of one assay, 5 to some thousand rows of any quantity.

    With x the letters of a variant at P positions, r those of the parent, W_p the shift of the
    substitution embedding from r_p to x_p, and e(x) what the global model predicts::

        z(y)     = 1/2 normal score of the rank of y + 1/2 standardised y         warping
        z        = level + b e(x) + f(x) + noise,    b ~ N(0.35, v_e)             terms, kernel
        f        ~ s_1 N(0, K) + s_2 N(0, A) + s_3 N(0, A) without b e(x)         mixture
        K(x, x') = v exp(-g/2 sum_p w_p |W_p - W'_p|^2)    alike at every position
                 + v_l sum_p w_p W_p . W'_p                alike at one position
                 + sum_k v_k T_k(x) . T_k(x')              what mutations have in common
        A(x, x') = v_m sum_p M_p . M'_p                    each mutation for itself
        median   = back(mean z),  ends = back(mean z +- 1.64 c(x) sd z)           warping, novelty

    T_k are scaled by what single substitutions can do; v, g, w and noise maximise the posterior
    under priors (:mod:`abag.model.assay_gp.objective`); back() ends one range beyond the measured
    values and within physics; s by leave-one-out likelihood, those of rows beyond the measured ones
    apart; c(x) is 90 % conformal on rows left out one by one, or in blocks for new positions and
    more mutations. Censored rows are normals by expectation propagation (censoring). Above
    ``hyper_rows`` rows v, g, w are chosen on a sample, above ``exact_rows`` the rows are solved by
    way of inducing variants.
    """

    name = "assay-gp"
    inputs: ClassVar[tuple[str, ...]] = ("heavy", "light")
    settings_type: ClassVar[type[Settings]] = AssayGPSettings
    global_model: MutationEffect | None = None
    """Model of mutation effects behind the terms of knowledge; the shipped one where None."""
    structure: Path | None = None
    """Structure of the parent on its antigen, in which the term ``effects`` is then meant."""
    kin: AssayGP | None = None
    """Model of another parent's variants in the same assay: hyper-parameters start from its."""
    _mixture: Mixture
    _warp: Warp
    _widening: Widening
    _last: tuple[Codes, Reals, Reals] | None = None

    def fit(self, table: Pairs | pl.DataFrame, origin: Mapping[str, str] | None = None) -> Self:
        """Learn from exact and censored rows of one assay.

        Raises:
            SchemaError: a column is missing.
            ModelError: several assays or antigens, too few exact rows, equal values, or rows
                that all have the same chains.
        """
        pairs = Pairs.of(table, "the training table")
        rows = TrainingSet.of(pairs, self.target)
        self.require_one_assay(rows.pairs)
        censored = censored_rows(pairs, self.target)
        most = self.settings.max_rows
        if (total := rows.pairs.height + censored.height) > most:
            exact = max(FEWEST_ROWS, round(most * rows.pairs.height / total))
            rows = rows.sample(exact, self.settings.seed)
            keep = min(censored.height, most - rows.pairs.height)
            censored = Pairs(censored.frame.sample(keep, seed=self.settings.seed))
        used = in_order(Pairs.joined([rows.pairs, censored]), self.target)
        self._last = None
        self._learn_rows(used)
        structure = (
            {} if self.structure is None else {"structure_sha256": sha256_of(self.structure)}
        )
        facts = {**(origin or {}), **encoder_origin(self.settings.embedding), **structure}
        self._fitted = (TrainingDomain.of(used), rows.summary(facts))
        self._model_id = None
        return self

    def require_one_assay(self, pairs: Pairs) -> None:
        """Raise ModelError for exact rows that cannot teach a model of one antigen."""
        if "assay" not in pairs.columns:
            raise SchemaError("the training table lacks the column assay")
        for column, noun in (("assay", "assays"), ("antigen", "antigens")):
            count = pairs[column].n_unique()
            if count > 1:
                raise ModelError(
                    f"{self.name} fits the variants of one assay on one antigen, and the rows "
                    f"have {count} {noun}; choose one with `abag fit --assay`, or split the table"
                )
        if pairs.height < FEWEST_ROWS:
            raise ModelError(
                f"{self.name} needs {FEWEST_ROWS} exact rows or more, not {pairs.height}"
            )
        if pairs[self.target].n_unique() < 2:
            value = pairs[self.target][0]
            raise ModelError(
                f"all {pairs.height} exact rows have the same {self.target} ({value:g}); "
                "there is no order to learn"
            )

    def _learn_rows(self, used: Pairs) -> None:
        heavy, light = chains_of(used)
        if self.settings.align == "place" and max(lengths(heavy), lengths(light)) > 1:
            raise ModelError("chains differ in length; fit with `--set align=imgt`")
        positions = Positions.of(heavy, light, self.settings.align, parent_of(used))
        letters = positions.letters(heavy, light)
        if not (letters != letters[:1]).any():
            raise ModelError(
                f"the {used.height} training rows all have the same chains; "
                f"{self.name} learns from differences"
            )
        raw = bounds_of(used, self.target)
        exact = raw.exact
        make = Warp.of if self.settings.warp else Warp.plain
        self._warp = make(raw.lower[exact], self.target)
        bounds = Bounds(self._warp.forward(raw.lower), self._warp.forward(raw.upper))
        self._solve(positions, letters, relative_noise(used), bounds)

    def _solve(self, positions: Positions, letters: Codes, noise: Reals, bounds: Bounds) -> None:
        sizes, kernels = self.settings.sizes, self._kernels()
        knowledge = self.knowledge(positions)

        def choose(normals: RowNormals) -> Mixture:
            return Mixture.fit(positions, letters, normals, noise, kernels, sizes, knowledge)

        mixture, normals = resolved(choose, bounds, noise)
        self._mixture = mixture.weighed(normals.target, bounds.exact)
        self._widening = Widening.of(self._mixture, normals.target, bounds.exact)
        for member in self._mixture.members:
            member.forget()

    def _kernels(self) -> tuple[KernelChoice, ...]:
        """Kernels of the members; their priors start from the hyper-parameters of the kin's."""
        choices = self.settings.kernels
        if self.kin is None:
            return choices
        shared = [member.kernel.hyper.shared for member in self.kin._mixture.members]
        return tuple(replace(choice, kin=kin) for choice, kin in zip(choices, shared, strict=True))

    def adopt(
        self,
        mixture: Mixture,
        warp: Warp,
        widening: Widening,
        used: Pairs,
        summary: TrainingSummary,
    ) -> None:
        """Take what was fitted elsewhere; ``widening`` is this antigen's."""
        self._mixture, self._warp, self._widening = mixture, warp, widening
        self._fitted = (TrainingDomain.of(used), summary)
        self._model_id = self._last = None

    def knowledge(self, positions: Positions) -> Knowledge | None:
        """Knowledge of positions by global model, encoder and structure; None where none is used.

        Raises UnavailableError for an encoder or a structure without what it needs.
        """
        embedding = self.settings.embedding
        encoded = None if embedding == "none" else Encoded.of(positions, embedding)
        if encoded is None and not set(self.settings.term_names) & set(KNOWLEDGE):
            return None
        model = self.global_model or load_mutation_effect()
        return replace(Knowledge.of(positions, model, self.structure), encoded=encoded)

    def interval(self, table: Pairs | pl.DataFrame, level: float) -> tuple[Reals, Reals]:
        """Ends of :meth:`distribution`."""
        predictions = self.distribution(table, level)
        return predictions.lower, predictions.upper

    def distribution(
        self, table: Pairs | pl.DataFrame, level: float = 0.9, scale: float = 1.0
    ) -> Predictions:
        """Median and central interval of a new measurement of each row.

        The interval includes the measurement's noise; it is as wide as the leave-one-out errors
        of the training rows ask for, times ``scale``.
        """
        from scipy.special import ndtri

        rows = rows_to_predict(table, self.inputs)
        self._require_predictable(rows)
        letters = self._letters(rows)
        mean, variance = self._moments(letters)
        widening = self._widening.of_rows(self._mixture, letters)
        deviation = np.sqrt(variance + self._mixture.noise) * widening * scale
        reach = float(ndtri(0.5 + level / 2)) * deviation
        back, limited = self._warp.back, self._warp.limited
        return Predictions(
            back(mean), back(mean - reach), back(mean + reach), mean, np.sqrt(variance),
            limited(mean - reach) | limited(mean + reach),
        )  # fmt: skip

    def _moments(self, letters: Codes) -> tuple[Reals, Reals]:
        """Mean and variance of rows; those of the last rows are kept, for their flags."""
        if self._last is None or not np.array_equal(self._last[0], letters):
            self._last = (letters, *self._mixture.moments(letters))
        return self._last[1:]

    def joint(self, table: Pairs | pl.DataFrame, scale: float = 1.0) -> JointScores:
        """Joint posterior of the rows on the scale of normal scores, without noise.

        Deviations are ``scale`` times as wide as leave-one-out errors ask for.
        Memory grows with the square of the number of rows: 2,000 rows take 32 MB.
        """
        rows = rows_to_predict(table, self.inputs)
        self._require_predictable(rows)
        return joint_scores(self._mixture, self._letters(rows), scale * self._widening.known)

    def scores_of(self, values: Reals) -> Reals:
        """Normal scores of values in the target's unit, the scale of :meth:`joint`."""
        self._require_fitted()
        return self._warp.forward(values)

    def values_of(self, scores: Reals) -> Reals:
        """Values in the target's unit of normal scores; the inverse of :meth:`scores_of`."""
        self._require_fitted()
        return self._warp.back(scores)

    def best_measured(self) -> float:
        """Largest exact value among the training rows, in the target's unit."""
        self._require_fitted()
        return float(self._warp.values[-1])

    def training_chains(self) -> list[tuple[str, str | None]]:
        """Heavy and light chain of each training row, as far as they are aligned."""
        self._require_fitted()
        return self._mixture.kernel.positions.chains(self._mixture.rows)

    def reference_chains(self) -> tuple[str, str | None]:
        """The parent, where rows name their mutations; else the commonest residues."""
        self._require_fitted()
        positions = self._mixture.kernel.positions
        return positions.chains(positions.reference[None])[0]

    def _refusals(self, rows: Pairs) -> list[str | None]:
        heavy, light = chains_of(rows)
        positions = self._mixture.kernel.positions
        return pair_refusals(zip(heavy, light, strict=True), positions.heavy, positions.light)

    def row_flags(self, table: Pairs | pl.DataFrame) -> dict[str, NDArray[np.bool_]]:
        """Flag rows that change a position which no training row changed, or reach a limit."""
        self._require_fitted()
        rows = rows_to_predict(table, self.inputs)
        letters, kernel = self._letters(rows), self._mixture.kernel
        changed = letters[:, kernel.still] != kernel.positions.reference[kernel.still]
        predictable = np.array([reason is None for reason in self._refusals(rows)], dtype=np.bool_)
        limited = np.zeros(rows.height, dtype=np.bool_)
        if predictable.any():
            limited[predictable] = self.distribution(rows.filter(pl.Series(predictable))).limited
        return {
            "position_not_varied_in_training": np.asarray(changed.any(axis=1)),
            "interval_at_limit_of_model": limited,
        }

    def _letters(self, table: Pairs) -> Codes:
        return self._mixture.kernel.positions.letters(*chains_of(table))

    def _learn(self, rows: TrainingSet) -> None:
        self._learn_rows(in_order(rows.pairs, self.target))

    def _values(self, table: Pairs) -> Reals:
        self._require_predictable(table)
        return self._warp.back(self._mixture.mean(self._letters(table)))

    def _arrays(self) -> Arrays:
        parts = (self._mixture, self._warp, self._widening)
        return {name: array for part in parts for name, array in part.arrays().items()}

    def _restore(self, arrays: Mapping[str, NDArray[Any]]) -> None:
        self._mixture = Mixture.from_arrays(arrays, self.settings.kernels)
        self._warp = Warp.from_arrays(arrays)
        self._widening = Widening.from_array(arrays["widening"])
