"""Sets of variants that somebody designed, evolved or followed through maturation.

From folders of published sources, each with a ``variants.csv`` of one form: whole chains, a value
with its unit and relation, whether the row is the parent, family and antigen. Values of one variant
are averaged. The parent's value is the mean of its own exact rows in the same batch; where it has
none, the set counts from its bound or its median and is not absolute. IgDesign's tables give the
CDRs of each design, and the non-binders among them, which stand at the weakest value measured.
A row that is known to be tighter than its value is left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import polars as pl

from abag.files import read_json
from abag_lab.mutation_effect.assay import VariantAssay
from abag_lab.sources.libraries.partners import read_complex
from abag_lab.sources.published import read_text_table


class VariantSource(NamedTuple):
    """A folder with a ``variants.csv``: how its rows fall into sets and batches.

    A set is named by family and by one word of its antigen's name, and is all of the family where
    ``word`` is None. ``designed`` is false for paths of maturation.
    """

    folder: str
    name: str
    word: int | None = None
    batch: pl.Expr | None = None
    shippable: bool = True
    designed: bool = True
    kept: pl.Expr | None = None


SOURCES: Final = (
    VariantSource(
        "hie2023_efficient_evolution",
        "hie2023",
        word=1,
        batch=pl.col("variant").str.split(":").list.first(),
    ),
    VariantSource(
        "shanker2024_structural_evolution",
        "shanker2024",
        word=1,
        batch=pl.col("is_parent").cum_sum().over("family", "antigen_name"),
    ),
    VariantSource("rosace2023_tnf", "rosace2023"),
    VariantSource("kirby2024_magmaseq", "kirby2024", designed=False),
    VariantSource(
        "virtual_lab_nanobodies", "virtual_lab", kept=pl.col("antigen_name").str.contains("Wuhan")
    ),
    VariantSource(
        "phillips2023_ch65",
        "phillips2023",
        word=-1,
        batch=pl.col("quantity"),
        designed=False,
        kept=~pl.col("quantity").str.contains("isogenic"),
    ),
    VariantSource("hutchinson2023_d441", "hutchinson2023", shippable=False),
    VariantSource(
        "wu2023_cr9114_cdrh3",
        "wu2023",
        shippable=False,
        designed=False,
        kept=pl.col("note").str.contains("CR9114 mutant|class WT"),
    ),
)
_IGDESIGN: Final = "igdesign_open"
_LOOPS: Final = ("HCDR1", "HCDR2", "HCDR3")
_LEAST_LOSS: Final = 1.0
"""A design that does not bind is at least so many pKd below its parent."""


def read_designed(sources: Path) -> Iterator[VariantAssay]:
    """Every set whose folder is there."""
    for source in SOURCES:
        for path in sorted((sources / source.folder).glob("variants.csv*")):
            table = _rows(path, source)
            keys = ["family"] if source.word is None else ["family", "antigen_name"]
            for (family, *antigen), rows in table.group_by(keys, maintain_order=True):
                word = "-" + str(antigen[0]).split()[source.word or 0] if antigen else ""
                stand_in = _related_antigen(sources, str(rows["antigen_name"][0]))
                assay = _as_assay(f"{source.name}/{family}{word}", rows, table, source, stand_in)
                if assay is not None:
                    yield assay
    if (sources / _IGDESIGN).is_dir():
        yield from _igdesign(sources / _IGDESIGN)


def _related_antigen(sources: Path, antigen: str) -> tuple[str, ...]:
    """Chains of a related antigen, for a file that names its antigen without a sequence."""
    spike = sources / "virtual_lab_nanobodies" / "variants.csv"
    if "HA" in antigen.split() and (sources / "abbibench").is_dir():
        return read_complex(sources / "abbibench", "3gbn_h1").antigen
    if "SARS" in antigen and spike.is_file():
        rows = read_text_table(spike).filter(pl.col("antigen_name").str.contains("Wuhan"))
        return (str(rows["antigen"][0]),)
    return ()


def _rows(path: Path, source: VariantSource) -> pl.DataFrame:
    """``value`` in pKd, or the square root of a signal; ``below`` and ``above`` its bounds."""
    number = pl.col("value").cast(pl.Float64)
    molar = pl.col("unit") == "nM"
    weaker = pl.when(molar).then(pl.lit(">")).otherwise(pl.lit("<"))
    table = read_text_table(path).with_columns(
        is_parent=pl.col("parent") == "True",
        light=pl.col("light").fill_null(""),
        antigen=pl.col("antigen").fill_null(""),
        pkd_scale=molar | (pl.col("unit") == "log10 M"),
        number=pl.when(molar)
        .then(9.0 - number.clip(1e-3).log10())
        .when(pl.col("unit") == "log10 M")
        .then(number)
        .otherwise(number.clip(0.0).sqrt()),
        below=pl.col("relation") == weaker,
        exact=pl.col("relation") == "=",
    )
    if source.kept is not None:
        table = table.filter(source.kept)
    batch = pl.lit("") if source.batch is None else source.batch.cast(pl.String)
    return table.with_columns(batch=batch)


def _as_assay(
    name: str,
    rows: pl.DataFrame,
    table: pl.DataFrame,
    source: VariantSource,
    antigen: tuple[str, ...],
) -> VariantAssay | None:
    parents = rows.filter("is_parent")
    known = (
        parents
        if parents.height
        else table.filter("is_parent", pl.col("family") == rows["family"][0])
    )
    heavy, light = known["heavy"][0], known["light"][0]
    exact = parents.filter("exact")
    bases = exact.group_by("batch").agg(base=pl.col("number").mean())
    fallback = (
        exact["number"].mean()
        if exact.height
        else parents["number"].mean()
        if parents.height
        else rows["number"].median()
    )
    same_as_parent = (pl.col("heavy") == heavy) & (pl.col("light") == light)
    merged = (
        rows.filter(~pl.col("is_parent"), ~same_as_parent, pl.col("exact") | pl.col("below"))
        .join(bases, on="batch", how="left", maintain_order="left")
        .with_columns(delta=pl.col("number") - pl.col("base").fill_null(fallback))
        .group_by("heavy", "light", maintain_order=True)
        .agg(
            measured=pl.col("delta").filter("exact").mean(),
            bound=pl.col("delta").mean(),
            censored=~pl.col("exact").any(),
        )
    )
    if not merged.height:
        return None
    antigens = rows["antigen"].filter(rows["antigen"] != "")
    return VariantAssay(
        name,
        heavy,
        light,
        (antigens[0],) if len(antigens) else antigen,
        merged.select("heavy", "light"),
        merged.select(pl.coalesce("measured", "bound")).to_series().to_numpy(),
        merged["censored"].to_numpy(),
        bool(exact.height) and bool(rows["pkd_scale"].all()),
        source.shippable,
        source.designed,
    )


def _igdesign(folder: Path) -> Iterator[VariantAssay]:
    antigens = read_json(folder / "antigens.json")
    for path in sorted(folder.glob("*_parent.csv")):
        parent = read_text_table(path)
        rows = read_text_table(folder / path.name.replace("_parent", ""))
        control = rows.filter(pl.col("Method") == "Positive Control")
        heavy, light = str(parent["Heavy"][0]), str(parent["Light"][0])
        loops = [str(control[loop][0]) for loop in _LOOPS]
        pkd = 9.0 - rows["KD (nM)"].cast(pl.Float64).log10()
        base = 9.0 - np.log10(float(control["KD (nM)"][0]))
        bound = min(float(pkd.min()), base - _LEAST_LOSS)  # type: ignore[arg-type]
        rows = rows.with_columns(
            pkd=pkd,
            heavy=pl.Series(
                [_grafted(heavy, loops, list(row)) for row in rows.select(_LOOPS).iter_rows()]
            ),
        ).filter(pl.col("Method") != "Positive Control")
        merged = rows.group_by("heavy", maintain_order=True).agg(pl.col("pkd").mean())
        yield VariantAssay(
            f"igdesign/{rows['Target'][0]}",
            heavy,
            light,
            (antigens[rows["Target"][0]]["seq"],),
            merged.select("heavy", light=pl.lit(light)),
            merged["pkd"].fill_null(bound).to_numpy() - base,
            merged["pkd"].is_null().to_numpy(),
            absolute=True,
            designed=True,
        )


def _grafted(chain: str, old: list[str], new: list[str]) -> str:
    for before, after in zip(old, new, strict=True):
        chain = chain.replace(before, after)
    return chain
