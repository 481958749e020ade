"""The picture of risk-coverage curves."""

from __future__ import annotations

from collections.abc import Mapping

from abag.evaluation.reporting.drawing import ACCENT, FAINT, MUTED, SECOND, figure, svg
from abag.evaluation.scores.risk_coverage import RiskCoverage
from abag.pictures import picture


@picture
def draw_risk_coverage(curves: Mapping[str, RiskCoverage], subject: str, unit: str) -> str:
    """Curves of all models, that of ``subject`` in front; its oracle and chance areas dashed."""
    with figure(3.4) as (canvas, axes):
        for name, curve in curves.items():
            if name != subject:
                axes.plot(curve.coverage, curve.rmse, color=MUTED, linewidth=1.1, alpha=0.8)
                axes.annotate(
                    name, (curve.coverage[-1], curve.rmse[-1]), xytext=(-2, 4),
                    textcoords="offset points", fontsize=7.5, color=FAINT, ha="right",
                )  # fmt: skip
        leading = curves[subject]
        axes.plot(leading.coverage, leading.rmse, color=ACCENT, linewidth=2.2, label=subject)
        axes.axhline(
            leading.area_of_chance, color=SECOND, linewidth=1.1, linestyle=(0, (3, 2)),
            label="rows given up at random",
        )  # fmt: skip
        axes.set(
            xlabel="share of the rows that is answered", ylabel=f"RMSE, {unit}", ylim=(0, None)
        )
        axes.set_xlim(1.02, 0.0)
        axes.legend(loc="lower left")
        return svg(canvas, f"RMSE of {subject} when it abstains from what it does not know")


def risk_in_words(curve: RiskCoverage, unit: str) -> str:
    """The caption: the order, the error of each verdict, and whether abstaining helps."""
    parts = [
        f"{figure.verdict} {figure.rows:,} rows, RMSE {figure.rmse:.2f}, "
        f"{figure.within_one:.0%} within 1"
        for figure in curve.verdicts
    ]
    helps = curve.area < 0.97 * curve.area_of_chance
    verdict = (
        "The error falls as rows are given up."
        if helps
        else "Giving rows up does not lower the error: what the model knows of a row says nothing "
        "about how wrong it is."
    )
    return (
        "Rows are given up in the order: neither side known, antibody known elsewhere, antigen "
        "known, variants; "
        f"within each, the least sure first. {verdict} Mean RMSE over the curve "
        f"{curve.area:.2f} {unit} (rows given up at random {curve.area_of_chance:.2f}, the best "
        f"possible order {curve.area_of_oracle:.2f}). {'; '.join(parts)}."
    )
