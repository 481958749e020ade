"""AlphaBind: AlphaSeq libraries of trastuzumab, BLI tables of single clones, Mason's CDR-H3s.

From github.com/A-Alpha-Bio/alphabind: ``manuscript/data`` (tables, plain or gzip'd) and
``manuscript/conf/targets/*.env`` (SEED_SEQUENCE is the parent, TARGET_SEQUENCE the antigen).

* ``trastuzumab-scfv-{full,cdr}_validation_alphaseq.csv``: scFv and log10(KD/nM). AlphaSeq orders
  one library well but is not calibrated (the parent reads about 2 units of pKd too weak): flag
  ``scale_not_absolute``. The 50 rows ``parental_<n>`` are repeats of one sequence.
* ``*_bli_results.csv``: KD in mol/L of single clones, named by library and design; a sequence
  stands here only for parents and for trastuzumab designs. ``N.B.`` is no binding at an unstated
  highest concentration, so it gives no bound and stays a text. Where the off-rate is given as
  ``? 1.00E-04*`` it is the slowest that the instrument resolves, so KD is an upper bound:
  relation ``<``, flag ``off_rate_at_limit``. ``L.B.`` is low binding: relation ``~``.
* ``aab-pp3115_germlined_descendants_ps_metrics.csv``: anti-TIGIT scFvs, KD on human TIGIT.
* ``mHER_H3_Ag{Pos,Neg}.csv``: the 10 residues of trastuzumab's CDR-H3, sorted as binder or not;
  2,342 sequences were sorted both ways and come out twice.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from abag.data.raw import RawTable, raw_table
from abag.errors import FileFormatError
from abag.files import read_bytes
from abag_lab.sources.libraries.partners import read_antigen
from abag_lab.sources.libraries.variants import TRASTUZUMAB, chain_list, relation_where
from abag_lab.sources.published import (
    Source,
    flag_if,
    flagged,
    packed_or_plain,
    read_text_table,
)

REFERENCE = "10.1101/2024.11.11.622872"
MASON = "10.1038/s41551-021-00699-9"
_LIBRARIES = ("full", "cdr")
_BLI = {
    "aab-pp489": ("tigit_variables.env", "TIGIT", "AAB-PP489", False),
    "pembrolizumab-scfv": ("pembro_variables.env", "PD-1", "pembrolizumab", False),
    "trastuzumab-scfv": ("trastuzumab_full_variables.env", "HER2", "trastuzumab", False),
    "vhh72": ("covid_variables.env", "SARS-CoV-2 RBD", "VHH72", True),
}
_PS = "aab-pp3115_germlined_descendants_ps_metrics.csv"


def read(folder: Path) -> Iterator[RawTable]:
    """One row for each row of each file that is in the folder."""
    for library in _LIBRARIES:
        for path in packed_or_plain(folder, f"trastuzumab-scfv-{library}_validation_alphaseq.csv"):
            yield _alphaseq(path, library)
    designs = _designs(folder)
    for clone, (env, target, parent, is_vhh) in _BLI.items():
        for path in packed_or_plain(folder, f"{clone}_bli_results.csv"):
            yield _bli(path, clone, designs, _variables(folder / env), target, parent, is_vhh)
    for path in packed_or_plain(folder, _PS):
        yield _tigit(path)
    for file, label in (("mHER_H3_AgPos.csv", "1"), ("mHER_H3_AgNeg.csv", "0")):
        for path in packed_or_plain(folder, file):
            yield _sorted(path, label)


def _alphaseq(path: Path, library: str) -> RawTable:
    target = _variables(path.parent / f"trastuzumab_{library}_variables.env")["TARGET_SEQUENCE"]
    return raw_table(
        path.name,
        read_text_table(path),
        antibody_name=pl.concat_str([pl.lit(f"trastuzumab-{library} "), "mata_description"]),
        antigen_name="HER2 (AlphaSeq construct)",
        scfv=pl.col("mata_sequence"),
        antigen=chain_list([target]),
        quantity="KD",
        value=pl.col("alphaseq_affinity"),
        unit="log10 nM",
        relation="=",
        assay=f"alphabind/trastuzumab-{library}",
        method="AlphaSeq",
        structure_id="1n8z",
        mutations=flag_if(pl.col("mata_description").str.starts_with("parental"), ""),
        reference=REFERENCE,
        flags=flagged("scale_not_absolute"),
    )


def _designs(folder: Path) -> pl.DataFrame:
    """Sequence of every clone id that the BLI tables may name."""
    parts = [pl.DataFrame(schema={"clone": pl.String, "chain": pl.String})]
    for library in _LIBRARIES:
        for path in packed_or_plain(folder, f"trastuzumab-scfv-{library}_validation_alphaseq.csv"):
            name = pl.concat_str([pl.lit(f"trastuzumab-scfv-{library}_"), "mata_description"])
            table = read_text_table(path)
            parts.append(table.select(name.alias("clone"), pl.col("mata_sequence").alias("chain")))
    return pl.concat(parts).unique("clone", keep="first", maintain_order=True)


def _bli(
    path: Path,
    clone: str,
    designs: pl.DataFrame,
    known: dict[str, str],
    target: str,
    parent: str,
    is_vhh: bool,
) -> RawTable:
    name = pl.col("Clone ID").str.strip_chars()
    is_parent = name.str.contains(r"_parental_\d+$")
    original = read_text_table(path)
    chains = original.select(name.alias("clone"), is_parent=is_parent).join(
        designs, on="clone", how="left", maintain_order="left"
    )
    chain = chains.select(
        pl.when("is_parent").then(pl.lit(known["SEED_SEQUENCE"])).otherwise("chain").alias("chain")
    )["chain"]
    slowest = pl.col("kd(1/s)").str.contains("*", literal=True)
    low = pl.col("Comments").str.strip_chars() == "L.B."
    return raw_table(
        path.name,
        original,
        antibody_name=pl.when(is_parent).then(pl.lit(parent)).otherwise(name),
        antigen_name=target,
        antigen=chain_list([known["TARGET_SEQUENCE"]]),
        quantity="KD",
        value=pl.col("KD(M)"),
        unit="M",
        relation=relation_where(less=slowest, about=low),
        assay=f"alphabind/{clone} BLI",
        method="BLI",
        mutations=flag_if(is_parent, ""),
        reference=REFERENCE,
        flags=flagged("antigen_construct_differs", off_rate_at_limit=slowest, low_binding=low),
        problem=flag_if(
            pl.lit(chain).is_null(), "the sequence of this clone is not published with the table"
        ),
        **{"heavy" if is_vhh else "scfv": pl.lit(chain)},
    )


def _tigit(path: Path) -> RawTable:
    known = _variables(path.parent / "tigit_variables.env")
    name = pl.col("description")
    return raw_table(
        path.name,
        read_text_table(path),
        antibody_name=pl.concat_str([pl.lit("AAB-PP3115 "), name]),
        antigen_name="TIGIT, human",
        scfv=pl.col("scfv_sequence"),
        antigen=chain_list([known["TARGET_SEQUENCE"]]),
        quantity="KD",
        value=pl.col("bli_human_tigit"),
        unit="M",
        relation="=",
        assay="alphabind/aab-pp3115 BLI",
        method="BLI",
        mutations=flag_if(name == "parental", ""),
        reference=REFERENCE,
        flags=flagged("antigen_construct_differs"),
    )


def _sorted(path: Path, label: str) -> RawTable:
    return raw_table(
        path.name,
        read_text_table(path),
        antibody_name="trastuzumab CDR-H3 variant",
        antigen_name="HER2",
        antigen=chain_list([read_antigen(path.parent, "HER2")]),
        quantity="binary",
        value=label,
        unit="label",
        relation="=",
        assay="alphabind/mHER_H3",
        method="FACS",
        structure_id="1n8z",
        reference=MASON,
        licence="not stated",
        flags=flagged("framework_grafted"),
        **TRASTUZUMAB.columns(pl.col("AASeq")),
    )


def _variables(path: Path) -> dict[str, str]:
    """The ``NAME=value`` lines of an .env file."""
    lines = read_bytes(path).decode("utf-8", "replace").splitlines()
    pairs = dict(line.strip().split("=", 1) for line in lines if "=" in line)
    for name in ("SEED_SEQUENCE", "TARGET_SEQUENCE"):
        if not pairs.get(name):
            raise FileFormatError(f"{path} has no line {name}=<sequence>")
    return pairs


SOURCE = Source(
    name="alphabind",
    title="AlphaBind AlphaSeq validation sets, BLI tables and HER2 CDR-H3 library",
    licence="MIT",
    citation="Agarwal et al., AlphaBind, bioRxiv 2024.11.11.622872",
    origin="github.com/A-Alpha-Bio/alphabind at 4f8ff82, manuscript/data and manuscript/conf",
    reader=read,
)
