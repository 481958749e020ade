"""The picture of an audit: how near training comes to the test rows."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from abag.data.leaks.leakage import HISTOGRAM_EDGES, SAME, Audit
from abag.errors import counted
from abag.files import replacing
from abag.pictures import picture_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Colours of Okabe and Ito (2008), which colour-blind readers can tell apart.
SAFE: Final = "#0072B2"
LEAK: Final = "#D55E00"
NEUTRAL: Final = "#999999"
INK: Final = "#222222"


def audit_figure(audit: Audit) -> Figure:
    """Draw an audit: identities to the nearest training row, shares, sizes, label copying."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 8.6), layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    grid: Any = figure.subfigures(3, 1, height_ratios=[0.2, 1.0, 1.15])
    _heading(grid[0], audit)
    titles = {"antibody": "Antibody (CDRs)", "cdr_h3": "CDR-H3", "antigen": "Antigen"}
    for axes, (kind, title) in zip(grid[1].subplots(1, 3), titles.items(), strict=True):
        _histogram(axes, audit, kind, title)
    shares, sizes, copying = grid[2].subplots(1, 3, width_ratios=[1.5, 1.0, 0.8])
    _shares(shares, audit)
    _sizes(sizes, audit)
    _copying(copying, audit)
    return figure


@picture_file
def save_audit_figure(audit: Audit, path: Path) -> None:
    """Write the picture as PNG in one step; the same audit gives the same bytes."""
    with replacing(path) as temporary:
        temporary.write_bytes(audit_bytes(audit, dpi=130))


def audit_bytes(audit: Audit, dpi: int) -> bytes:
    """The picture as PNG."""
    stream = BytesIO()
    audit_figure(audit).savefig(stream, format="png", dpi=dpi, metadata={"Software": None})
    return stream.getvalue()


def _heading(area: Any, audit: Audit) -> None:
    clean = not audit.leaks
    verdict = "clean" if clean else "leaks " + ", ".join(_share(leak) for leak in audit.leaks)
    area.text(
        0.01, 0.62, f"Split {audit.strategy!r}: {verdict}", fontsize=15, weight="bold",
        color=SAFE if clean else LEAK, va="center",
    )  # fmt: skip
    believe = audit.believe[0].upper() + audit.believe[1:]
    area.text(0.01, 0.14, believe + ".", fontsize=11.5, color=INK, va="center")


def _share(leak: Any) -> str:
    return f"{leak.kind} ({leak.share:.0%})" if leak.share >= 0.1 else (
        f"{leak.kind} ({leak.share:.1%})"
    )  # fmt: skip


def _plain(axes: Axes, title: str) -> None:
    axes.set_title(title, loc="left", fontsize=11.5, weight="bold", color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=9.5, colors=INK, length=3)
    axes.set_axisbelow(True)


def _histogram(axes: Axes, audit: Audit, kind: str, title: str) -> None:
    threshold = audit.thresholds.get(kind, 0.8)
    counts = audit.histograms[kind]
    total = max(sum(counts), 1)
    edges = HISTOGRAM_EDGES[:-1]
    colours = [LEAK if edge >= threshold - 1e-9 else SAFE for edge in edges]
    heights = [100.0 * count / total for count in counts]
    axes.bar(edges, heights, width=0.05, align="edge", color=colours, edgecolor="white")
    axes.axvline(threshold, color=INK, linestyle="--", linewidth=1)
    _plain(axes, title)
    share_above = sum(h for h, edge in zip(heights, edges, strict=True) if edge >= threshold - 1e-9)
    axes.text(
        threshold - 0.02, 0.95, f"{share_above:.1f}% at {threshold:g} or above",
        transform=axes.get_xaxis_transform(), ha="right", va="top", fontsize=9.5,
        color=LEAK if share_above else SAFE, weight="bold",
    )  # fmt: skip
    axes.set_xlim(0, 1.0)
    axes.set_ylim(0, max([*heights, 1.0]) * 1.18)
    chance = "\n0: no more alike than by chance" if kind == "antigen" else ""
    axes.set_xlabel(f"identity to the nearest training row{chance}", fontsize=9.5)
    axes.set_ylabel("% of test rows", fontsize=9.5)


def _shares(axes: Axes, audit: Audit) -> None:
    kinds = [*SAME, *audit.parts[0].near]
    values = [100.0 * audit.share(kind) for kind in kinds]
    names = [_name(kind) for kind in kinds]
    heights = range(len(kinds), 0, -1)
    grave = {"pair", "antibody", "cdr_h3", "antigen"}
    colours = [LEAK if kind in grave or kind in audit.parts[0].near else NEUTRAL for kind in kinds]
    axes.barh(heights, values, color=colours, height=0.72)
    for height, value in zip(heights, values, strict=True):
        axes.text(value + 1, height, f"{value:.1f}", va="center", fontsize=9, color=INK)
    axes.set_yticks(list(heights), names)
    axes.set_xlim(0, 112)
    axes.set_xticks([0, 25, 50, 75, 100])
    axes.set_xlabel("% of test rows", fontsize=9.5)
    _plain(axes, "Training holds, for this share of test rows")


def _name(kind: str) -> str:
    if kind in SAME:
        return SAME[kind]
    side, level = kind.split(" >= ")
    words = {"antibody": "an antibody", "cdr_h3": "a CDR-H3", "antigen": "an antigen"}
    return f"{words[side]} of identity \u2265 {level}"


def _sizes(axes: Axes, audit: Audit) -> None:
    shown = audit.parts[:20]
    places = range(len(shown), 0, -1)
    train = [part.training_rows for part in shown]
    test = [part.test_rows for part in shown]
    out = [part.left_out for part in shown]
    tested = [a + b for a, b in zip(train, test, strict=True)]
    axes.barh(places, train, color=SAFE, height=0.72, label="training")
    axes.barh(places, test, left=train, color="#56B4E9", height=0.72, label="test")
    axes.barh(places, out, left=tested, color=NEUTRAL, height=0.72, label="left out")
    axes.set_yticks(list(places), [part.part for part in shown])
    axes.set_xlabel("rows", fontsize=9.5)
    _plain(axes, "Sizes" + (f" (first 20 of {len(audit.parts)})" if len(audit.parts) > 20 else ""))
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.13), ncols=3, fontsize=9, frameon=False)


def _copying(axes: Axes, audit: Audit) -> None:
    copying = audit.copying
    _plain(axes, "Nearest label, copied")
    if copying.spearman is None:
        axes.text(0.5, 0.5, "no labels\nto copy", ha="center", va="center", fontsize=11, color=INK)
        axes.set_xticks([])
        axes.set_yticks([])
        return
    chance = copying.permuted_mean or 0.0
    axes.bar([0, 1], [copying.spearman, chance], color=[LEAK, NEUTRAL], width=0.6)
    for x, value in enumerate((copying.spearman, chance)):
        axes.text(
            x, value + (0.02 if value >= 0 else -0.02),
            f"{value:.2f}".replace("-", "\u2212"), ha="center",
            va="bottom" if value >= 0 else "top", fontsize=11, weight="bold", color=INK,
        )  # fmt: skip
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xticks([0, 1], ["copied", "shuffled"])
    axes.set_ylim(min(0.0, copying.spearman, chance) - 0.1, 1.0)
    axes.set_ylabel("Spearman with the true label", fontsize=9.5)
    of_pair = f"{copying.copies} from a row of the same pair"
    axes.set_xlabel(f"{counted(copying.rows, 'row')};\n{of_pair}", fontsize=9.5)
