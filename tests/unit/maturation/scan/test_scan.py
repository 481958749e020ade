"""Scans of single mutants: figures, files, page."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abag.antibody.mutations import apply_mutations, parse_mutations
from abag.data.formats import read_fasta
from abag.errors import ModelError, OptionError, SequenceError, UnavailableError
from abag.maturation.antibody.humanness import Humanness
from abag.maturation.antibody.mutants import choose_sites, mutant_chains, single_mutants
from abag.maturation.antibody.parent import Parent, parent_of_model, read_parent
from abag.maturation.scan import scanning
from abag.maturation.scan.effects import model_effects, zero_shot_effects
from abag.maturation.scan.heatmap import LETTERS, grid_of, lines_of
from abag.maturation.scan.result import Scan
from abag.maturation.scan.scanning import scan
from abag.model.assay_gp.model import AssayGP
from abag.model.mutation_effect.surroundings import Surroundings
from abag.model.protocol import create_model
from synthetic_pairs import HEAVY, LIGHT, MUTATED, assay_table


@pytest.fixture(scope="module")
def parent() -> Parent:
    return read_parent(HEAVY, LIGHT, name="trastuzumab")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "mine"
    AssayGP(target="pkd").fit(assay_table(60)).save(folder)
    return folder


@pytest.fixture(scope="module")
def done(parent: Parent, model: Path, tmp_path_factory: pytest.TempPathFactory) -> Scan:
    return scan(parent, tmp_path_factory.mktemp("scans") / "one", model=model, cdrs=["H3", "L3"])


def test_every_mutant_of_the_chosen_residues_is_there_once(done: Scan):
    assert done.table.height == 19 * (13 + 9)
    assert done.table["mutation"].n_unique() == done.table.height
    assert done.table["rank"].to_list() == list(range(1, done.table.height + 1))
    assert done.table["delta"].is_sorted(descending=True)


def test_a_row_is_what_the_model_says_of_its_chains(done: Scan, model: Path):
    fitted = AssayGP.load(model)
    row = done.table.filter(pl.col("mutation") == "H:W99K").row(0, named=True)
    heavy, light = apply_mutations(HEAVY, LIGHT, parse_mutations("H:W99K", HEAVY, LIGHT))
    assert (row["heavy"], row["light"], row["imgt"]) == (heavy, light, "107")
    both = pl.DataFrame({"heavy": [HEAVY, heavy], "light": [LIGHT, light]})
    found = fitted.distribution(both, 0.9)
    assert row["value"] == pytest.approx(found.median[1])
    assert row["delta"] == pytest.approx(found.median[1] - found.median[0])
    assert row["delta_lower"] == pytest.approx(found.lower[1] - found.median[0])
    assert row["delta_upper"] == pytest.approx(found.upper[1] - found.median[0])
    assert row["fold_tighter"] == pytest.approx(10 ** row["delta"])


def test_positions_that_training_never_changed_are_flagged_and_pale(done: Scan):
    flagged = set(done.table.filter(pl.col("flags") != "")["place"])
    flagged_heavy = set(
        done.table.filter((pl.col("flags") != "") & (pl.col("chain") == "H"))["place"]
    )
    loop = {site.place for site in done.sites if site.chain == "H"}
    assert flagged_heavy == loop - {place + 1 for place in MUTATED}
    assert flagged
    unseen = grid_of(done).unseen
    assert unseen.sum() == 9 + len(flagged_heavy)


def test_liabilities_are_those_that_the_mutant_adds(done: Scan):
    rows = {row["mutation"]: row for row in done.table.iter_rows(named=True)}
    assert rows["H:W99N"]["liabilities"].startswith("deamidation NG at H:99")
    assert rows["H:W99N"]["severity"] == "high"
    assert rows["H:W99F"]["liabilities"] == ""
    assert "cysteine C" in rows["L:Q89C"]["liabilities"]


def test_mutants_come_back_from_the_fasta_in_their_order(done: Scan):
    records = read_fasta(done.folder / "scan.fasta")
    assert len(records) == 2 * done.table.height
    assert records[0].header == f"{done.table['mutation'][0]}|heavy"
    assert records[0].sequence == done.table["heavy"][0]
    assert records[1].sequence == done.table["light"][0]


def test_the_page_needs_nothing_from_outside_and_holds_every_mutant(done: Scan):
    page = (done.folder / "scan.html").read_text(encoding="utf-8")
    outside = re.findall(r"""(?:src|href)=["']?(?!#)|https?://(?!www\.w3\.org)|@import""", page)
    assert not outside
    text = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
    assert text is not None
    data = json.loads(text[1])
    assert len(data["mutants"]) == done.table.height
    site, letter, delta, lower, upper, *_ = data["mutants"][0]
    chain, place, residue, *_ = data["sites"][site]
    assert f"{chain}:{residue}{place}{data['letters'][letter]}" == done.table["mutation"][0]
    expected = done.table.select("delta", "delta_lower", "delta_upper").row(0)
    assert (delta, lower, upper) == pytest.approx(expected, rel=1e-3)


def test_a_name_cannot_break_out_of_the_page(parent: Parent, model: Path, tmp_path: Path):
    named = Parent(parent.antibody, "</script><b>$x")
    scan(named, tmp_path, model=model, cdrs=["L2"])
    page = (tmp_path / "scan.html").read_text(encoding="utf-8")
    assert page.count("</script>") == 2
    assert "<b>$x" not in page


def test_the_same_scan_gives_the_same_bytes(
    done: Scan, parent: Parent, model: Path, tmp_path: Path
):
    again = scan(parent, tmp_path, model=model, cdrs=["H3", "L3"])
    for name in ("scan.csv", "scan.fasta", "heatmap.png", "scan.html"):
        assert (tmp_path / name).read_bytes() == (done.folder / name).read_bytes(), name
    assert again.as_json()["best"] == done.as_json()["best"]


def test_the_summary_is_plain_and_names_every_file(done: Scan):
    summary = json.loads((done.folder / "summary.json").read_text())
    assert all(Path(path).is_file() for path in summary["files"].values())
    assert summary["best"][0]["mutation"] == done.table["mutation"][0]
    assert summary["better_than_parent"] >= summary["better_without_new_liability"] > 0
    assert any("deamidation NG at H:55" in one for one in summary["parent_liabilities"])


def test_the_grid_has_each_effect_in_its_place(done: Scan):
    grid = grid_of(done)
    row = done.table.row(7, named=True)
    column = [(s.chain, s.place) for s in done.sites].index((row["chain"], row["place"]))
    assert grid.delta[LETTERS.index(row["mutant"]), column] == row["delta"]
    assert np.isnan(grid.delta).sum() == len(done.sites)  # the parent's own residues
    low, high = grid.ends
    known = grid.delta[np.isfinite(grid.delta)]
    assert low == pytest.approx(np.quantile(known[known < 0], 0.02))
    assert high == pytest.approx(np.quantile(known[known > 0], 0.98))
    assert sorted(LETTERS) == sorted("ACDEFGHIKLMNPQRSTVWY")
    assert [len(line) for line in lines_of(done.sites)] == [13, 9]


def test_without_a_model_the_shipped_one_answers(parent: Parent, tmp_path: Path):
    zero = scan(parent, tmp_path, cdrs=["H3"])
    assert zero.effects.unit == "pKd"
    assert zero.table["value"].null_count() == zero.table.height
    assert (zero.table["delta_lower"] < zero.table["delta_upper"]).all()
    assert "without any measurement" in zero.notes[0]
    chains = parent.chains
    told = zero_shot_effects(chains, [chains], ("MKTAYIAK",)).notes
    assert told[-1] == "this model reads the antibody alone, not the antigen"
    assert told[:-1] == zero_shot_effects(chains, [chains]).notes


class TouchingEverywhere:
    """A complex in which every residue touches the antigen, and fits it as well as any other."""

    def of_variants(self, variants: list[tuple[str, str | None]]) -> np.ndarray:
        return np.zeros(len(variants))

    def surroundings_of(self, _: object) -> tuple[Surroundings, ...]:
        return tuple(
            Surroundings(np.ones(len(chain)), np.full(len(chain), np.nan))
            for chain in (HEAVY, LIGHT)
        )


def test_without_a_model_the_effects_are_those_in_the_complex(
    parent: Parent, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(scanning.ComplexLogOdds, "read", lambda *_: TouchingEverywhere())
    told = {"positions": ["H:66-68"], "structure": tmp_path / "complex.pdb"}
    bound = scan(parent, tmp_path / "bound", **told).table.sort("mutation")
    plain = scan(parent, tmp_path / "plain", positions=["H:66-68"]).table.sort("mutation")
    # Framework, of which the tables say that it does not touch.
    assert (bound["delta"] <= plain["delta"]).all()
    assert (bound["delta"] - plain["delta"]).min() < -0.05
    assert bound["structure_log_odds"].to_list() == [0.0] * bound.height
    # A model of the assay has been told of the complex when it was made, or not at all.
    mine = scan(parent, tmp_path / "mine", model=model, **told).table["delta"]
    assert mine.equals(
        scan(parent, tmp_path / "own", model=model, positions=["H:66-68"]).table["delta"]
    )


def test_a_model_without_intervals_gives_differences_alone(parent: Parent, tmp_path: Path):
    ridge = create_model("one-hot-ridge").fit(assay_table(60))
    ridge.save(tmp_path / "ridge")
    found = scan(parent, tmp_path / "scan", model=tmp_path / "ridge", cdrs=["H3"])
    assert found.table["delta_lower"].null_count() == found.table.height
    assert any("gives no intervals" in note for note in found.notes)
    assert "cautious" not in (tmp_path / "scan" / "scan.html").read_text(encoding="utf-8")


def test_mutants_that_a_model_refuses_are_left_out_with_a_note(parent: Parent, model: Path):
    class Choosy(AssayGP):
        def refusals(self, table: pl.DataFrame) -> list[str | None]:
            return ["no tryptophan" if "K" in h[98:99] else None for h in table["heavy"]]

    mutations = single_mutants(choose_sites(parent.antibody, positions=["H:99"]))
    found = model_effects(
        Choosy.load(model), parent.chains, mutant_chains(parent.antibody, mutations)
    )
    left = [str(one) for i, one in enumerate(mutations) if i not in found.kept]
    assert left == ["H:W99K"]
    assert len(found.delta) == len(found.flags) == 18
    assert found.notes[0] == "1 mutant left out that the model cannot predict: no tryptophan"


def test_an_scfv_is_parted_and_a_single_domain_has_one_chain(model: Path, tmp_path: Path):
    scfv = read_parent(HEAVY + "GGGGSGGGGSGGGGS" + LIGHT)
    assert scfv.chains == (HEAVY, LIGHT)
    assert scfv.notes == ("parent: single chain parted",)
    alone = read_parent(HEAVY)
    found = scan(alone, tmp_path, cdrs=["H1"])
    assert found.table["light"].null_count() == found.table.height
    assert "|light" not in (tmp_path / "scan.fasta").read_text()
    with pytest.raises(ModelError, match="cannot predict this antibody"):
        scan(alone, tmp_path / "other", model=model)


def test_naturalness_without_torch_is_refused_before_anything_is_done(
    parent: Parent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(UnavailableError, match="needs torch"):
        scan(parent, tmp_path / "out", model=tmp_path / "none", naturalness=True)
    assert not (tmp_path / "out").exists()


def test_naturalness_has_its_column_and_a_warning_on_nanobodies(tmp_path: Path):
    pytest.importorskip("torch")
    # Caplacizumab's VHH (INN).
    found = scan(
        read_parent(
            "EVQLVESGGGLVQPGGSLRLSCAASGRTFSYNPMGWFRQAPGKGRELVAAISRTGGSTYYPDSVEGRFTISRDNAKRMVYLQMNSL"
            "RAEDTAVYYCAAAGVRAEDGRVRTLPSEYTFWGQGTQVTVSS"
        ),
        tmp_path, positions=["H:37", "H:36"], naturalness=True,
    )  # fmt: skip
    assert found.parent.antibody.heavy.kind == "vhh"
    natural = dict(found.table.select("mutation", "naturalness").iter_rows())
    assert natural["H:F37V"] > 0 > natural["H:W36P"]
    assert any("nanobodies" in note for note in found.notes)
    assert "naturalness" in (tmp_path / "scan.html").read_text(encoding="utf-8")


def test_an_unknown_residue_may_become_any_of_the_twenty(model: Path, tmp_path: Path):
    odd = read_parent(HEAVY.replace("WGGDG", "XGGDG"), LIGHT)
    found = scan(odd, tmp_path, model=model, positions=["H:99"])
    assert sorted(found.table["mutant"]) == sorted("ACDEFGHIKLMNPQRSTVWY")
    assert found.table["mutation"].str.starts_with("H:X99").all()
    assert any("unknown residues" in note for note in found.notes)


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({}, OptionError, "--heavy"),
        ({"heavy": "EVQLXJ1"}, SequenceError, "no amino acid"),
        ({"heavy": "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQAPILS"}, SequenceError, "no antibody"),
        ({"heavy": LIGHT}, SequenceError, "only a light chain"),
    ],
)
def test_what_is_no_antibody_is_refused(given: dict[str, str], error: type[Exception], words: str):
    with pytest.raises(error, match=words):
        read_parent(**given)  # type: ignore[arg-type]


def test_one_antibody_of_a_file_is_chosen_by_name(tmp_path: Path):
    file = tmp_path / "two.fasta"
    file.write_text(f">a|heavy\n{HEAVY}\n>a|light\n{LIGHT}\n>b|VHH\n{HEAVY}\n")
    assert read_parent(path=file, name="a").chains == (HEAVY, LIGHT)
    assert read_parent(path=file, name="b").chains == (HEAVY, None)
    with pytest.raises(OptionError, match=r"has 2 antibodies; choose one with --name \(a, b\)"):
        read_parent(path=file)
    with pytest.raises(OptionError, match="has no antibody 'c'; it has a, b"):
        read_parent(path=file, name="c")
    for heavy, light in ((HEAVY, None), (None, LIGHT)):
        with pytest.raises(OptionError, match="one of the two"):
            read_parent(heavy, light, path=file)


def test_a_model_of_an_assay_remembers_its_parent(model: Path, tmp_path: Path):
    found = parent_of_model(model)
    commonest = list(HEAVY)
    for place in MUTATED:
        letters = [heavy[place] for heavy in assay_table(60)["heavy"]]
        commonest[place] = max(sorted(set(letters)), key=letters.count)
    assert found.chains == ("".join(commonest), LIGHT)
    assert "commonest residue" in found.notes[0]
    create_model("kmer-ridge").fit(assay_table(60)).save(tmp_path / "ridge")
    with pytest.raises(OptionError, match="does not remember its parent"):
        parent_of_model(tmp_path / "ridge")


def test_a_level_outside_its_range_is_refused(parent: Parent, model: Path, tmp_path: Path):
    with pytest.raises(OptionError, match="between 0 and 1"):
        scan(parent, tmp_path, model=model, level=90)


def test_measured_mutants_are_marked_and_are_no_proposal(parent: Parent, tmp_path: Path):
    singles = [("H:30", "A"), ("H:54", "W"), ("H:99", "D")]
    heavy, light = parent.chains
    chains = [
        heavy[: place - 1] + letter + heavy[place:]
        for place, letter in ((int(where[2:]), letter) for where, letter in singles)
    ]
    table = assay_table(20)
    rows = table[:3].with_columns(
        heavy=pl.Series(chains), light=pl.lit(light), record_id=pl.Series(["a", "b", "c"]),
        pkd=pl.Series([12.0, 11.0, 10.5]), pkd_lower=pl.Series([12.0, 11.0, 10.5]),
        pkd_upper=pl.Series([12.0, 11.0, 10.5]),
    )  # fmt: skip
    AssayGP(target="pkd").fit(pl.concat([table, rows])).save(tmp_path / "model")
    done = scan(parent, tmp_path / "scan", model=tmp_path / "model",
                positions=["H:30", "H:54", "H:99"])  # fmt: skip
    known = done.table.filter("measured")
    assert set(known["heavy"]) == {one for one in chains if one != heavy}
    best = {row["mutation"] for row in done.as_json()["best"]}
    assert not best & set(known["mutation"])
    assert done.as_json()["measured"] == known.height > 0
    assert grid_of(done).measured.sum() == known.height
    assert "measured already" in (tmp_path / "scan" / "scan.html").read_text()


def test_humanness_and_germline_distance_are_those_of_the_chains(done: Scan):
    own, table = Humanness.of(*done.parent.chains), done.table
    chains = table.select("heavy", "light").rows()
    assert table["germline_distance"].to_list() == own.germline_distance(chains).tolist()
    assert table["humanness"].to_list() == pytest.approx(own.of_variants(chains))


def test_changes_back_to_the_germline_are_more_human(parent: Parent):
    heavy, light = parent.chains
    mutants = [heavy[:i] + new + heavy[i + 1 :] for i in range(len(heavy)) for new in LETTERS]
    own, chains = Humanness.of(heavy, light), [(one, light) for one in mutants]
    moved = own.germline_distance(chains) - own.germline_distance([parent.chains])
    assert set(moved.tolist()) == {-1, 0, 1}
    humanness = own.of_variants(chains)
    assert humanness[moved < 0].mean() > 1.0 > 0.0 > humanness[moved > 0].mean()


def test_a_change_in_the_cdr3_leads_no_further_from_the_germline(done: Scan):
    """No gene alone makes it, though a V gene holds its first residues."""
    own = Humanness.of(*done.parent.chains)
    distance = own.germline_distance([done.parent.chains]).tolist()
    assert done.table["germline_distance"].unique().to_list() == distance
