"""Faults planted in clean columns are found, and clean columns raise none."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from abag.antibody.alphabet import AMINO_ACIDS
from abag.data.checking import check_file
from abag.data.faults import Fault, FaultKind, Severity, check_values, find_faults
from abag.data.tables import SCHEMA
from abag.errors import SchemaError, TableError, UnitError

PARENT = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTA"
    "VYYCSRWGGDGFYAMDYWGQGTLVTVSS"
)
ANTIGEN = "TQVCTGTDMKLRLPASPETHLDMLRHLYQGCQVVQGNLELTYLPTNASLSFLQDIQEVQGYVLIAHNQVRQVPLQRLRIVRG"
TABLE_COLUMNS = ("pkd", "pkd_lower", "pkd_upper", "rank_score", "rank_lower", "rank_upper")


def table_of(
    pkds: NDArray[np.float64],
    heavies: list[str] | None = None,
    antigens: list[str] | None = None,
    **texts: Any,
) -> pl.DataFrame:
    """Canonical rows of one assay with exact pKd; texts replace columns."""
    n = len(pkds)
    assay = str(texts.pop("assay", "one"))
    columns: dict[str, Any] = {
        "record_id": [f"{assay}:{i}" for i in range(n)],
        "source": texts.pop("source", assay),
        "source_file": "f",
        "source_row": range(2, n + 2),
        "heavy": heavies or [f"{PARENT}{i}" for i in range(n)],
        "antigen": [[a] for a in antigens or [ANTIGEN] * n],
        "quantity": "KD",
        "raw_value": [repr(float(x)) for x in pkds],
        "raw_unit": "pKd",
        "relation": "=",
        "replicates": 1,
        "assay": assay,
        "licence": "own-data",
        "flags": [[]] * n,
    }
    columns |= dict.fromkeys(TABLE_COLUMNS, pkds)
    frame = pl.DataFrame({**columns, **texts})
    return frame.select(
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(dtype).alias(name)
        for name, dtype in SCHEMA.items()
    )


def scan(
    seed: int, rows: int = 1000, parent_pkd: float = 9.0, sites: int = 30
) -> tuple[list[str], NDArray[np.float64]]:
    """A clean landscape: one to four random changes of some sites; drastic ones cost more."""
    from Bio.Align import substitution_matrices

    blosum: Any = substitution_matrices.load("BLOSUM62")  # type: ignore[no-untyped-call]
    rng = np.random.default_rng(seed)
    positions = rng.choice(np.arange(25, 110), size=sites, replace=False)
    weights = rng.gamma(1.0, 0.06, size=len(PARENT))
    library = {PARENT: parent_pkd}
    while len(library) < rows:
        letters = list(PARENT)
        loss = 0.0
        for place in rng.choice(positions, size=rng.integers(1, 5), replace=False):
            letter = str(rng.choice(list(AMINO_ACIDS)))
            loss += weights[place] * (
                blosum[PARENT[place], PARENT[place]] - blosum[PARENT[place], letter]
            )
            letters[place] = letter
        library["".join(letters)] = parent_pkd - loss + rng.normal(0.0, 0.15)
    pkds = np.clip(np.array(list(library.values())), 3.5, 12.0)
    return list(library), pkds + rng.normal(0.0, 0.01, len(pkds))


def curated(seed: int, rows: int = 1200) -> NDArray[np.float64]:
    """KD in nM as people publish them: two digits, some of them round."""
    rng = np.random.default_rng(seed)
    kd = 10.0 ** rng.normal(0.4, 1.1, size=rows)
    digits = rng.choice([0, 1, 2], p=[0.15, 0.7, 0.15], size=rows)
    scale = 10.0 ** (digits - np.floor(np.log10(kd)))
    return np.round(kd * scale) / scale


def kinds(faults: list[Fault]) -> set[FaultKind]:
    return {fault.kind for fault in faults}


@pytest.mark.parametrize("seed", range(51))
def test_a_clean_landscape_raises_no_fault(seed: int) -> None:
    heavies, pkds = scan(seed, rows=300)
    assert find_faults(table_of(pkds, heavies)) == []


@pytest.mark.parametrize("seed", range(51))
def test_a_curated_table_with_round_values_raises_no_fault(seed: int) -> None:
    assert check_values(curated(seed), "KD", "nM") == []


@pytest.mark.parametrize("seed", range(5))
def test_two_clean_assays_of_one_library_raise_no_fault(seed: int) -> None:
    heavies, pkds = scan(seed, rows=300)
    noise = np.random.default_rng(seed).normal(0.0, 0.2, len(pkds))
    both = pl.concat(
        [table_of(pkds, heavies), table_of(np.clip(pkds + noise, 3, 13), heavies, assay="two")]
    )
    assert find_faults(both) == []


@pytest.mark.parametrize("number", [6.0, 7.0])
def test_a_floor_is_found_as_a_spike(number: float) -> None:
    _, pkds = scan(0)
    fault = check_values(np.maximum(pkds, number), "KD", "pKd")[0]
    assert fault.kind is FaultKind.LABEL_SPIKE
    assert fault.evidence["value"] == number
    assert fault.rows == int((pkds <= number).sum())
    assert "weakest value" in fault.message


def test_a_ceiling_is_found_as_a_spike() -> None:
    _, pkds = scan(1)
    (fault,) = check_values(10 ** (9 - np.minimum(pkds, 8.8)), "KD", "nM")
    assert fault.kind is FaultKind.LABEL_SPIKE
    assert "tightest value" in fault.message


def test_a_placeholder_inside_the_range_is_found_as_a_spike() -> None:
    _, pkds = scan(2)
    pkds[::10] = 7.5
    (fault,) = check_values(pkds, "KD", "pKd")
    assert (fault.kind, fault.rows, fault.severity) == (
        FaultKind.LABEL_SPIKE,
        100,
        Severity.ERROR,
    )
    assert fault.examples == ("row 1", "row 11", "row 21", "row 31", "row 41")


def test_a_ddg_of_eight_is_a_placeholder_and_a_ddg_of_zero_is_not() -> None:
    rng = np.random.default_rng(0)
    ddg = np.round(rng.gamma(1.5, 0.8, size=600), 2)
    ddg[:45], ddg[45:72] = 0.0, 8.0
    (fault,) = check_values(ddg, "ddG", "kcal/mol")
    assert (fault.kind, fault.rows) == (FaultKind.LABEL_SPIKE, 27)
    (mirrored,) = check_values(-ddg, "ddG", "kcal/mol")
    assert mirrored.evidence["value"] == -8.0


def test_rows_declared_censored_are_no_spike() -> None:
    heavies, pkds = scan(0)
    floor = 7.0
    table = table_of(np.maximum(pkds, floor), heavies)
    assert kinds(find_faults(table)) == {FaultKind.LABEL_SPIKE}
    at_floor = pl.col("pkd") <= floor
    declared = table.with_columns(
        pl.when(at_floor).then(None).otherwise(pl.col(name)).alias(name)
        for name in ("pkd", "pkd_lower", "rank_score", "rank_lower")
    ).with_columns(
        relation=pl.when(pl.col("pkd").is_null()).then(pl.lit("<")).otherwise("relation")
    )
    assert find_faults(declared) == []


def test_symmetry_copies_at_the_edge_are_no_spike() -> None:
    rng = np.random.default_rng(1)
    pkds = np.concatenate([rng.normal(9.0, 0.8, 100), np.full(6, 4.0)])
    heavies = [f"{PARENT}{i}" for i in range(100)] + [PARENT] * 6
    assert FaultKind.LABEL_SPIKE not in kinds(find_faults(table_of(pkds, heavies)))


def test_enrichments_called_pkd_have_an_impossible_range() -> None:
    rng = np.random.default_rng(0)
    (fault,) = check_values(rng.normal(-0.2, 0.5, 500), "KD", "pKd")
    assert (fault.kind, fault.severity) == (FaultKind.IMPOSSIBLE_RANGE, Severity.ERROR)
    assert fault.rows == 500
    assert check_values(rng.normal(-0.2, 0.5, 500), "enrichment", "score") == []


def test_a_kd_of_zero_or_below_is_impossible() -> None:
    (fault,) = check_values([1.0, 2.0, 0.0, -3.0, 5.0, 7.0], "KD", "nM")
    assert fault.kind is FaultKind.IMPOSSIBLE_RANGE
    assert fault.evidence["without_logarithm"] == 2


def test_energies_in_kj_called_kcal_have_an_impossible_range() -> None:
    rng = np.random.default_rng(0)
    assert check_values(rng.normal(-12.0, 1.5, 300), "dG", "kcal/mol") == []
    wrong = check_values(rng.normal(-50.0, 6.0, 300), "dG", "kcal/mol")
    assert kinds(wrong) == {FaultKind.IMPOSSIBLE_RANGE}


@pytest.mark.parametrize("seed", range(5))
def test_a_tenth_of_kds_in_another_unit_is_found(seed: int) -> None:
    heavies, pkds = scan(seed, sites=12)
    slipped = np.random.default_rng(seed).random(len(pkds)) < 0.1
    faults = find_faults(table_of(np.where(slipped, pkds - 3.0, pkds), heavies))
    assert kinds(faults) == {FaultKind.MIXED_UNITS}
    assert faults[0].evidence["distance"] == pytest.approx(3.0, abs=0.2)


def test_repeated_pairs_a_thousandfold_apart_are_mixed_units() -> None:
    rng = np.random.default_rng(0)
    pkds = np.repeat(rng.normal(9.0, 1.2, 60), 2)
    heavies = [f"{PARENT}{i // 2}" for i in range(120)]
    assert find_faults(table_of(pkds, heavies)) == []
    pkds[::20] -= 3.0
    faults = find_faults(table_of(pkds, heavies))
    assert kinds(faults) == {FaultKind.MIXED_UNITS, FaultKind.REPLICATE_CONFLICT}
    assert faults[0].evidence["pairs"] == 6


def test_scores_among_affinities_are_mixed_units() -> None:
    rng = np.random.default_rng(0)
    column = np.concatenate([rng.normal(8.5, 0.8, 950), rng.normal(0.3, 0.6, 50)])
    assert FaultKind.MIXED_UNITS in kinds(check_values(column, "KD", "pKd"))


def test_variants_that_lost_binding_are_no_unit_slip() -> None:
    heavies, pkds = scan(3)
    lost = pkds < np.quantile(pkds, 0.25)
    rng = np.random.default_rng(0)
    two_peaks = np.where(lost, rng.normal(6.0, 0.2, len(pkds)), rng.normal(9.0, 0.2, len(pkds)))
    assert kinds(check_values(two_peaks, "KD", "pKd")) == {FaultKind.MIXED_UNITS}
    assert find_faults(table_of(two_peaks, heavies)) == []


@pytest.mark.parametrize("seed", range(5))
def test_a_flipped_sign_is_found_from_the_substitutions_alone(seed: int) -> None:
    heavies, pkds = scan(seed)
    faults = find_faults(table_of(18.0 - pkds, heavies))
    assert kinds(faults) == {FaultKind.INVERTED_SIGN}
    assert faults[0].evidence["sign_substitutions"] == 1


def test_a_flipped_sign_is_found_against_another_assay_of_the_same_molecules() -> None:
    rng = np.random.default_rng(0)
    pkds = rng.normal(8.0, 0.8, 30)
    right = table_of(pkds + rng.normal(0, 0.1, 30), assay="right", source="x")
    wrong = table_of(16.0 - pkds, assay="wrong", source="y")
    faults = find_faults(wrong, right)
    assert FaultKind.INVERTED_SIGN in kinds(faults)
    assert faults[0].evidence["reference"] == "right"
    assert FaultKind.INVERTED_SIGN not in kinds(find_faults(right, right))


def test_of_three_assays_the_one_that_runs_against_both_others_is_named() -> None:
    rng = np.random.default_rng(0)
    pkds = rng.normal(8.0, 0.8, 30)
    tables = [
        table_of(values, assay=name, source=name)
        for name, values in (("a", pkds), ("b", pkds + 0.1), ("c", 16.0 - pkds))
    ]
    inverted = [
        f.assay for f in find_faults(pl.concat(tables)) if f.kind is FaultKind.INVERTED_SIGN
    ]
    assert inverted == ["c"]


def test_one_antibody_library_on_two_antigens_is_no_inverted_sign() -> None:
    rng = np.random.default_rng(0)
    pkds = rng.normal(8.0, 0.8, 30)
    one = table_of(pkds, assay="a", source="a")
    two = table_of(16.0 - pkds, assay="b", source="b", antigens=["MKTAYIAKQRQISFVKSHFSRQ"] * 30)
    assert find_faults(one, two) == []


def test_variants_all_tighter_than_the_parent_are_an_inverted_sign() -> None:
    heavies, pkds = scan(4, rows=30)
    table = table_of(18.0 - pkds, heavies)
    faults = find_faults(table)
    assert kinds(faults) == {FaultKind.INVERTED_SIGN}
    assert "sign_parent" in faults[0].evidence


def test_a_germline_library_whose_variants_are_all_tighter_is_no_inverted_sign() -> None:
    rng = np.random.default_rng(0)
    sites = np.arange(28, 108, 8)
    states = rng.integers(0, 2, size=(500, len(sites))).astype(bool)
    states[:400] &= rng.random((400, len(sites))) < 0.5
    gains = rng.gamma(2.0, 0.2, len(sites))
    heavies = []
    for mature in states:
        letters = list(PARENT)
        for site in sites[mature]:
            letters[site] = "D" if PARENT[site] != "D" else "W"
        heavies.append("".join(letters))
    pkds = 6.0 + states @ gains + rng.normal(0, 0.05, 500)
    assert find_faults(table_of(pkds, heavies)) == []


def log_of_log(pkds: NDArray[np.float64]) -> NDArray[np.float64]:
    return 9.0 - np.log10(9.0 - pkds)


@pytest.mark.parametrize("seed", range(5))
def test_a_log_of_a_log_is_found_in_one_column(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pkds = np.clip(rng.normal(6.5, 1.1, 3000), 3.0, None)
    faults = check_values(log_of_log(pkds[pkds < 9.0]), "KD", "pKd")
    assert FaultKind.LOG_OF_LOG in kinds(faults)


def test_a_log_of_a_log_is_found_against_another_assay() -> None:
    heavies, pkds = scan(0, rows=60, parent_pkd=8.0)
    right = table_of(pkds, heavies, assay="right", source="x")
    wrong = table_of(log_of_log(pkds), heavies, assay="wrong", source="y")
    (fault,) = [f for f in find_faults(wrong, right) if f.kind is FaultKind.LOG_OF_LOG]
    assert fault.evidence["undo"] == "pKd = 9 - 10**(9 - x)"
    assert fault.evidence["misfit_undone"] == pytest.approx(0.0, abs=1e-9)


def test_copies_of_one_complex_are_found_up_to_unresolved_residues() -> None:
    gapped = PARENT[:40] + PARENT[44:]
    mutant = PARENT[:40] + "W" + PARENT[41:]
    rows = table_of(
        np.array([8.0, 8.0, 8.0, 8.0]),
        [PARENT, gapped, mutant, PARENT],
        structure_id=["1abc", "1abc", "1abc", "2abc"],
    )
    (fault,) = find_faults(rows)
    assert (fault.kind, fault.rows, fault.examples) == (
        FaultKind.SYMMETRY_COPY,
        1,
        ("one:1",),
    )
    assert fault.severity is Severity.NOTE


@pytest.mark.parametrize(("difference", "found"), [(0.9, False), (1.2, True)])
def test_replicates_conflict_when_more_than_one_unit_apart(difference: float, found: bool) -> None:
    rows = table_of(np.array([8.0, 8.0 + difference, 7.0]), [PARENT, PARENT, PARENT + "A"])
    faults = find_faults(rows)
    assert (kinds(faults) == {FaultKind.REPLICATE_CONFLICT}) is found
    if found:
        assert faults[0].examples == ("one:0", "one:1")


def test_replicates_conflict_between_sources_unless_one_is_only_shifted() -> None:
    rng = np.random.default_rng(0)
    pkds = rng.normal(8.0, 0.8, 20)
    mine = table_of(pkds, assay="a", source="a")
    shifted = table_of(pkds + 2.0, assay="b", source="b")
    assert find_faults(mine, shifted) == []
    moved = pkds.copy()
    moved[:4] += 2.0
    (fault,) = find_faults(mine, table_of(moved, assay="b", source="b"))
    assert (fault.kind, fault.rows) == (FaultKind.REPLICATE_CONFLICT, 4)


def test_two_binary_labels_of_one_pair_conflict() -> None:
    rows = table_of(np.array([0.0, 1.0, 1.0]), [PARENT, PARENT, PARENT + "A"]).with_columns(
        quantity=pl.lit("binary"),
        pkd=pl.lit(None, pl.Float64),
        pkd_lower=pl.lit(None, pl.Float64),
        pkd_upper=pl.lit(None, pl.Float64),
    )
    assert kinds(find_faults(rows)) == {FaultKind.REPLICATE_CONFLICT}


def test_groups_are_judged_one_by_one() -> None:
    _, pkds = scan(0)
    column = np.concatenate([np.maximum(pkds, 7.0), pkds + 1.0])
    groups = ["floored"] * len(pkds) + ["clean"] * len(pkds)
    assert {fault.assay for fault in check_values(column, "KD", "pKd", groups)} == {"floored"}


@pytest.mark.parametrize(
    "convert",
    [
        pytest.param(lambda p: ("KD", "pKd", p), id="pKd"),
        pytest.param(lambda p: ("KD", "M", 10.0**-p), id="M"),
        pytest.param(lambda p: ("KD", "log10 nM", 9.0 - p), id="log10 nM"),
        pytest.param(lambda p: ("KA", "1/M", 10.0**p), id="1/M"),
        pytest.param(lambda p: ("dG", "kcal/mol", -1.3642 * p), id="kcal"),
    ],
)
def test_the_unit_does_not_change_what_is_found(
    convert: Callable[[NDArray[np.float64]], tuple[str, str, NDArray[np.float64]]],
) -> None:
    _, pkds = scan(0)
    quantity, unit, values = convert(np.maximum(pkds, 7.0))
    (fault,) = check_values(values, quantity, unit)
    assert fault.rows == int((pkds <= 7.0).sum())
    assert fault.evidence["on_tight_scale"] == pytest.approx(7.0, abs=0.001)


def test_missing_labels_are_left_out() -> None:
    _, pkds = scan(0)
    pkds[::2] = np.nan
    assert check_values(pkds, "KD", "pKd") == []
    assert check_values([], "KD", "pKd") == []
    assert find_faults(table_of(np.array([]), [])) == []


def test_wrong_arguments_are_refused_with_a_mend() -> None:
    with pytest.raises(UnitError, match="known are KD"):
        check_values([1.0], "Kd!", "nM")
    with pytest.raises(UnitError, match="cannot be given in"):
        check_values([1.0], "KD", "kcal/mol")
    with pytest.raises(UnitError, match="molar mass"):
        check_values([1.0], "KD", "ug/mL")
    with pytest.raises(SchemaError, match="1 groups for 2 values"):
        check_values([1.0, 2.0], "KD", "nM", ["a"])
    with pytest.raises(SchemaError, match="one column"):
        check_values([[1.0], [2.0]], "KD", "nM")
    with pytest.raises(SchemaError, match="lacks the column"):
        find_faults(table_of(np.array([8.0])).drop("pkd"))


def test_a_fault_can_be_written_as_json() -> None:
    import json

    heavies, pkds = scan(0)
    (fault,) = find_faults(table_of(np.maximum(pkds, 7.0), heavies))
    written = json.loads(json.dumps(fault.as_json()))
    assert written["kind"] == "label_spike"
    assert len(written["examples"]) == 5


def test_faults_do_not_depend_on_names() -> None:
    heavies, pkds = scan(0)
    plain = find_faults(table_of(18.0 - pkds, heavies))
    named = find_faults(
        table_of(18.0 - pkds, heavies, assay="other", source="s2", source_file="g.csv")
    )
    assert [(f.kind, f.rows, f.evidence) for f in plain] == [
        (f.kind, f.rows, f.evidence) for f in named
    ]


def alanine_scan(
    rng: np.random.Generator, sites: int = 20
) -> tuple[list[str], NDArray[np.float64]]:
    """The parent of pKd 9 and its alanine scan: most changes cost binding, none gains much."""
    places = rng.choice(np.flatnonzero([letter != "A" for letter in PARENT]), sites, replace=False)
    heavies = [PARENT, *(f"{PARENT[:p]}A{PARENT[p + 1 :]}" for p in places)]
    return heavies, np.concatenate([[9.0], 8.9 - rng.exponential(0.8, sites).clip(None, 4.2)])


def as_written(pkds: NDArray[np.float64], written: NDArray[np.float64]) -> dict[str, Any]:
    return {"raw_value": [repr(float(x)) for x in written], "raw_unit": "nM"}


@pytest.mark.parametrize("seed", range(12))
def test_pkd_under_a_header_of_nanomolar_is_found_and_a_true_scan_is_not(seed: int) -> None:
    heavies, pkds = alanine_scan(np.random.default_rng(seed))
    true = table_of(pkds, heavies, **as_written(pkds, 10 ** (9 - pkds)))
    assert find_faults(true) == []
    taken = 9.0 - np.log10(pkds)  # pKd 8.5 read as 8.5 nM
    kinds = {f.kind for f in find_faults(table_of(taken, heavies, **as_written(taken, pkds)))}
    assert kinds == {FaultKind.INVERTED_SIGN, FaultKind.LOG_OF_LOG}


@pytest.mark.parametrize("seed", range(12))
def test_log10_of_nanomolar_is_found_in_narrow_and_weak_tables(seed: int) -> None:
    rng = np.random.default_rng(seed)
    logs = rng.normal(3.2, 0.35, 40).clip(2.0, 4.5)
    kinds = {f.kind for f in check_values(logs, "KD", "nM")}
    assert kinds == {FaultKind.LOG_OF_LOG}
    assert check_values(10**logs, "KD", "nM") == []


def test_a_floor_in_a_library_is_a_spike_and_no_mixture_of_units() -> None:
    heavies, pkds = scan(3, rows=600)
    floored = pkds.copy()
    floored[::12] = 5.0
    kinds = {f.kind for f in find_faults(table_of(floored, heavies))}
    assert FaultKind.MIXED_UNITS not in kinds
    assert FaultKind.LABEL_SPIKE in kinds


def test_missing_cells_of_a_checked_column_are_skipped(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(",KD (nM)\n" + "".join(f"{i},{x}\n" for i, x in enumerate(["NA", "1", "-"])))
    with pytest.raises(TableError):
        check_file(path, column="KD", unit="nM")
    assert check_file(path, column="KD (nM)", unit="nM") == []


def test_columns_of_one_row_that_disagree_are_found(tmp_path: Path) -> None:
    rows = [
        f"{kd},{kd * 1e-9},1e5,{kd * 1e-4},{9.0 - i * 0.1}" for i, kd in enumerate(range(1, 21))
    ]
    path = tmp_path / "mine.csv"
    path.write_text("KD (nM),KD (M),kon (1/Ms),koff (1/s),KD SD (nM)\n" + "\n".join(rows) + "\n")

    def disagreeing() -> list[tuple[int, tuple[str, ...]]]:
        found = check_file(path, column="KD (nM)", unit="nM")
        return [(f.rows, f.examples) for f in found if f.kind is FaultKind.COLUMNS_DISAGREE]

    assert disagreeing() == []
    path.write_text(path.read_text().replace("\n7,7.000000000000001e-09,1e5,", "\n7,7e-06,1e2,"))
    assert disagreeing() == [(1, ("8",)), (1, ("8",))]  # 7e-06 M, and 7e-4 / 1e2


def small_library(seed: int, rows: int = 24) -> tuple[list[str], NDArray[np.float64]]:
    """Variants of two changes without their parent: nothing but their substitutions tells."""
    rng = np.random.default_rng(seed)
    sites = np.arange(27, 107, 4)
    made = []
    for _ in range(rows):
        letters = list(PARENT)
        for site in rng.choice(sites, 2, replace=False):
            letters[site] = rng.choice([a for a in "AGDKW" if a != PARENT[site]])
        made.append("".join(letters))
    return made, rng.normal(8.0, 1.0, rows)


def test_a_small_library_that_runs_against_expectation_is_a_warning() -> None:
    heavies, _ = small_library(0)
    rng = np.random.default_rng(1)
    known = dict(zip(heavies, rng.normal(0.0, 1.0, len(heavies)), strict=True))

    def expected(_: str, variants: Sequence[str]) -> NDArray[np.float64]:
        return np.array([known[variant.partition("/")[0]] for variant in variants])

    labels = np.array([known[heavy] for heavy in heavies]) + rng.normal(0.0, 0.3, len(heavies))
    wrong = find_faults(table_of(8.0 - labels, heavies), expected=expected)
    assert [(f.kind, f.severity) for f in wrong] == [(FaultKind.INVERTED_SIGN, Severity.WARNING)]
    right = find_faults(table_of(8.0 + labels, heavies), expected=expected)
    assert kinds(right) == {FaultKind.SIGN_NOT_JUDGED}


def test_a_sign_that_nothing_tells_is_said_to_be_unjudged() -> None:
    heavies, pkds = small_library(2)

    def nothing(_: str, variants: Sequence[str]) -> NDArray[np.float64]:
        return np.zeros(len(variants))

    (note,) = find_faults(table_of(pkds, heavies, assay="run7"), expected=nothing)
    assert (note.kind, note.severity) == (FaultKind.SIGN_NOT_JUDGED, Severity.NOTE)
    assert "'run7' (24 antibodies)" in note.message
    many, labels = scan(1)
    assert find_faults(table_of(labels, many), expected=nothing) == []
