"""AbBiBench: heavy-chain variants of seven antibodies, each with a score of its own kind.

The files ``notebooks/scoring_outputs/<assay>_benchmarking_data_AntiBERTy_scores.csv`` of
github.com/MSBMI-SAFE/AbBiBench; light chains and antigens in ``complexes.json``
(:mod:`abag_lab.sources.libraries.partners`). The published column ``binding_score`` is one name for
five kinds of number, two of them faulty; :func:`read` states what each is:

* ``1mhp``: 8.1549 + ddG/(RT ln 10), so larger is weaker; pKd is about 2 x 8.1549 - score.
* ``1mlc``: loss of binding, so larger is weaker; an order inside the assay only.
* ``2fjg``: log enrichment, an order inside the assay only.
* ``3gbn_h1``: pKd by Tite-Seq, where 7.0 stands for "at or below 7".
* ``aayl*``: 9 - log10(log10(KD/nM)) of AlphaSeq; pKd = 9 - 10**(9 - score). Binders tighter than
  1 nM could not be written that way and are missing from the files.

:func:`read_as_published` gives the same rows as a reader who trusts the column would have them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from abag.data.raw import RawTable, raw_table
from abag_lab.sources.libraries.partners import read_complex
from abag_lab.sources.libraries.variants import chain_list, number_text, point_changes
from abag_lab.sources.published import Source, flagged, present, read_text_table

WILD_TYPE_1MHP = 8.1549
FILE = "{}_benchmarking_data_AntiBERTy_scores.csv"


@dataclass(frozen=True, slots=True)
class _Assay:
    antibody: str
    antigen: str
    method: str
    structure: str | None
    quantity: str
    unit: str
    flags: tuple[str, ...] = ()
    licence: str = "CC-BY-4.0"
    reference: str = "arXiv 2506.04235"
    parent: str | None = None
    """The entry of complexes.json that holds the parent, where it is another than the assay's."""


_HR2 = "SARS-CoV-2 spike HR2 peptide"
_ALPHASEQ = ("mended:log_of_log", "scale_not_absolute")
_NC = "CC-BY-NC-SA-4.0"
_DOI_1, _DOI_2 = "10.1038/s41597-022-01779-4", "10.1101/2022.10.07.502662"
_ASSAYS = {
    "1mhp": _Assay(
        "AQC2", "integrin alpha-1 I domain", "computed from ddG", "1mhp", "KD", "pKd",
        ("mended:inverted_sign",),
    ),
    "1mlc": _Assay(
        "D44.1", "hen egg-white lysozyme", "deep mutational scan", "1mlc", "enrichment",
        "score (lower is tighter)", ("mended:inverted_sign",),
    ),
    "2fjg": _Assay("G6", "VEGF-A", "deep mutational scan", "2fjg", "enrichment", "score"),
    "3gbn_h1": _Assay(
        "CR6261", "influenza H1 HA (A/New Caledonia/20/1999)", "Tite-Seq", "3gbn", "KD", "pKd",
        reference="10.7554/eLife.71393",
    ),
    "aayl49": _Assay("Ab-14", _HR2, "AlphaSeq", None, "KD", "pKd", _ALPHASEQ, _NC, _DOI_1),
    "aayl49_ML": _Assay(
        "Ab-14", _HR2, "AlphaSeq", None, "KD", "pKd", _ALPHASEQ, _NC, _DOI_2, parent="aayl49"
    ),
    "aayl51": _Assay("Ab-91", _HR2, "AlphaSeq", None, "KD", "pKd", _ALPHASEQ, _NC, _DOI_1),
}  # fmt: skip


def read(folder: Path) -> Iterator[RawTable]:
    """One row for each variant, with the quantity that the score really is."""
    return _tables(folder, as_published=False)


def read_as_published(folder: Path) -> Iterator[RawTable]:
    """The same rows with every score taken for an exact pKd, as the files present them."""
    return _tables(folder, as_published=True)


def _tables(folder: Path, *, as_published: bool) -> Iterator[RawTable]:
    assay_of = {FILE.format(name): name for name in _ASSAYS}
    for path in present(folder, assay_of):
        name = assay_of[path.name]
        assay = _ASSAYS[name]
        original = read_text_table(path)
        known = read_complex(folder, name)
        value, relation = _value_and_relation(name, as_published)
        yield raw_table(
            path.name,
            original,
            antibody_name=assay.antibody,
            antigen_name=assay.antigen,
            heavy=pl.col("mut_heavy_chain_seq"),
            light=pl.lit(known.light),
            antigen=chain_list(known.antigen),
            quantity="KD" if as_published else assay.quantity,
            value=value,
            unit="pKd" if as_published else assay.unit,
            relation=relation,
            assay=f"abbibench/{name}",
            method=assay.method,
            structure_id=assay.structure,
            mutations=_changes(original, read_complex(folder, assay.parent or name).heavy),
            reference=assay.reference,
            licence=assay.licence,
            flags=flagged(*(() if as_published else assay.flags)),
        )


def _value_and_relation(name: str, as_published: bool) -> tuple[pl.Expr, pl.Expr]:
    text = pl.col("binding_score")
    score = text.cast(pl.Float64, strict=False)
    if as_published:
        return text, pl.lit("=")
    if name == "1mhp":
        return number_text(2 * WILD_TYPE_1MHP - score), pl.lit("~")
    if name == "3gbn_h1":
        return text, pl.when(score <= 7.0).then(pl.lit("<")).otherwise(pl.lit("="))
    if name.startswith("aayl"):
        return number_text(9 - pl.lit(10.0) ** (9 - score)), pl.lit("=")
    return text, pl.lit("=")


def _changes(original: pl.DataFrame, parent: str) -> pl.Expr:
    """Changes from the parent, which may be longer (a Fab) than the rows (an Fv)."""
    lengths = original["mut_heavy_chain_seq"].drop_nulls().str.len_chars().to_list()
    return point_changes(pl.col("mut_heavy_chain_seq"), parent[: max(lengths, default=None)])


SOURCE = Source(
    name="abbibench",
    title="AbBiBench mutant assays (seven of its eleven)",
    licence="CC-BY-4.0",
    citation="Zhao et al., AbBiBench, arXiv 2506.04235",
    origin="github.com/MSBMI-SAFE/AbBiBench at 67306b3, notebooks/scoring_outputs",
    reader=read,
)
