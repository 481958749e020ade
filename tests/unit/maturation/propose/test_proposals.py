"""The next plate of a made-up assay: what is on it, what is not, and how it is written."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from abag.antibody.mutations import apply_mutations, parse_mutations
from abag.data.formats import read_antibodies
from abag.errors import FileFormatError, ModelError, OptionError
from abag.maturation.antibody.liabilities import LiabilitySeverity, worst
from abag.maturation.plate.table import fasta_of, plate_table, read_wells, write_plate
from abag.maturation.plate.wells import Layout, Well
from abag.maturation.propose import candidates, proposals
from abag.maturation.propose.acquisition import ACQUISITIONS, Policy
from abag.maturation.propose.aims import Aims
from abag.maturation.propose.proposals import Proposals, Standing, propose
from abag.maturation.propose.reasons import Known, reason_for
from abag.maturation.propose.request import Purse, Request
from abag.model.assay_gp.model import AssayGP
from synthetic_pairs import HEAVY, LIGHT, assay_table

GREEDY = Policy("greedy", "none")
REQUEST = Request(count=12, most=3, cdrs=("H1", "H2", "H3"))


@pytest.fixture(scope="module")
def model() -> AssayGP:
    return AssayGP(target="pkd").fit(assay_table(40))


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    """Small searches, and no encoder: the real sizes are measured, not tested."""
    small = candidates.SearchSizes(15, 60, 10, 30, 1, 30, 10)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            proposals, "find_candidates",
            lambda *given: candidates.find_candidates(*given, sizes=small),
        )  # fmt: skip
        patch.setattr(proposals, "naturalness_of", lambda *given, **more: None)
        yield


@pytest.fixture(scope="module")
def plate(model: AssayGP) -> Proposals:
    return propose(model, (HEAVY, LIGHT), REQUEST)


def most_common_mutation(plate: Proposals) -> int:
    """Variants of a plate that have its commonest mutation."""
    return Counter(x for one in plate.chosen for x in one.mutations.split(";")).most_common(1)[0][1]


def test_a_plate_holds_new_variants_within_the_budget(plate: Proposals, model: AssayGP) -> None:
    assert len(plate.chosen) == 12
    chains = {(one.heavy, one.light) for one in plate.chosen}
    assert len(chains) == 12
    assert not chains & set(model.training_chains())
    assert (HEAVY, LIGHT) not in chains
    for one in plate.chosen:
        changes = parse_mutations(one.mutations, HEAVY, LIGHT)
        assert apply_mutations(HEAVY, LIGHT, changes) == (one.heavy, one.light)
        assert len(changes) == one.mutation_count <= 3
        assert all(change.chain == "H" for change in changes)
        assert one.lower_90 < one.predicted < one.upper_90
        assert 0.0 <= one.chance_to_improve <= 1.0
        assert one.reason


def test_predictions_on_the_plate_are_those_of_the_model(plate: Proposals, model: AssayGP) -> None:
    table = pl.DataFrame(
        {"heavy": [one.heavy for one in plate.chosen], "light": [LIGHT] * len(plate.chosen)}
    )
    assert [one.predicted for one in plate.chosen] == pytest.approx(model.predict(table).tolist())


def test_the_same_seed_gives_the_same_plate(plate: Proposals, model: AssayGP) -> None:
    assert propose(model, (HEAVY, LIGHT), REQUEST).chosen == plate.chosen


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
def test_every_acquisition_fills_the_plate(acquisition: str, model: AssayGP) -> None:
    policy = Policy(acquisition)  # type: ignore[arg-type]
    found = propose(model, (HEAVY, LIGHT), Request(6, 2, cdrs=("H3",), policy=policy))
    assert len({one.mutations for one in found.chosen}) == 6


def test_severe_liabilities_are_avoided_or_flagged(model: AssayGP) -> None:
    from abag.antibody.antibody import Antibody
    from abag.maturation.propose.design_space import DesignSpace

    parent = Antibody.of(HEAVY, LIGHT)
    at = HEAVY.index("NTAYLQ")  # N-T-A: threonine before alanine; A to T or S makes a sequon
    place = f"H:{at + 3}"
    space = DesignSpace.of(parent, 1, positions=[place], letters="ST")
    added = proposals.added_liabilities(space, frozenset({("H", at + 3, "T")}))
    assert worst(added) is LiabilitySeverity.HIGH
    with pytest.raises(OptionError, match="all 2 candidates were left out"):
        propose(model, (HEAVY, LIGHT), Request(2, 1, positions=(place,), letters="ST"))
    flagged = propose(
        model, (HEAVY, LIGHT), Request(2, 1, positions=(place,), letters="ST", liabilities="flag")
    )
    assert all("N-glycosylation" in one.liabilities[0] for one in flagged.chosen)


def test_unnatural_variants_may_be_left_out(
    model: AssayGP, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tryptophans(space: object, variants: list[frozenset[tuple[str, int, str]]], **more: object):
        return np.array([-5.0 * sum(change[2] == "W" for change in one) for one in variants])

    monkeypatch.setattr(proposals, "naturalness_of", tryptophans)
    request = Request(5, 2, cdrs=("H3",), least_natural=-1.0)
    found = propose(model, (HEAVY, LIGHT), request)
    assert found.left_out > 0
    assert all("W" not in one.mutations[-1] for one in found.chosen)
    assert {one.naturalness for one in found.chosen} == {0.0}


def test_a_space_smaller_than_the_plate_is_said(model: AssayGP) -> None:
    found = propose(model, (HEAVY, LIGHT), Request(12, 1, positions=("H:30",), letters="AWY"))
    assert len(found.chosen) == 3
    assert any("only 3 variants may be proposed" in note for note in found.notes)


def test_what_was_measured_since_is_not_proposed_again(plate: Proposals, model: AssayGP) -> None:
    done = [(one.heavy, one.light) for one in plate.chosen]
    again = propose(model, (HEAVY, LIGHT), REQUEST, Standing(measured=done))
    assert not {one.heavy for one in again.chosen} & {heavy for heavy, _ in done}


def test_without_a_parent_the_commonest_residues_stand_for_it(model: AssayGP) -> None:
    found = propose(model, None, Request(4, cdrs=("H3",)))
    assert found.parent == model.reference_chains()
    assert any("at most 6 mutations a variant" in note for note in found.notes)


def test_an_antibody_without_a_light_chain_has_plates_too() -> None:
    table = assay_table(20).with_columns(light=pl.lit(None, pl.String))
    found = propose(AssayGP(target="pkd").fit(table), (HEAVY, None), Request(4, 2, cdrs=("H3",)))
    assert {one.light for one in found.chosen} == {None}
    assert plate_table(found)["light"].null_count() == 4
    assert "_L" not in fasta_of(plate_table(found))


def test_a_measured_deletion_that_helps_is_combined_with_other_changes() -> None:
    better = ("pkd", "pkd_lower", "pkd_upper", "rank_score")
    shorter = assay_table(8, seed=3).with_columns(
        pl.col(*better) + 2.0,
        heavy=pl.col("heavy").str.slice(0, 105) + pl.col("heavy").str.slice(106),
    )
    table = pl.concat([assay_table(20), shorter]).with_columns(
        record_id=pl.int_range(28).cast(pl.String)
    )
    found = propose(
        AssayGP(target="pkd").fit(table), (HEAVY, LIGHT), Request(8, 4, most_repeats=1.0)
    )
    assert any("1 measured insertion or deletion may be combined" in note for note in found.notes)
    without = [one for one in found.chosen if "H:A106-" in one.mutations]
    assert len(without) > 4
    measured = set(table["heavy"])
    for one in without:
        assert len(one.heavy) == len(HEAVY) - 1
        assert one.heavy not in measured
        changes = parse_mutations(one.mutations, HEAVY, LIGHT)
        assert apply_mutations(HEAVY, LIGHT, changes) == (one.heavy, one.light)
        assert len(changes) == one.mutation_count <= 4
    assert "H:A106- in 8 variants" in without[0].reason


def test_a_parent_of_another_length_is_refused(model: AssayGP) -> None:
    with pytest.raises(ModelError, match="cannot predict variants of this parent"):
        propose(model, (HEAVY[:-1], LIGHT), REQUEST)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"count": 0}, "--n is 0"),
        ({"count": 5000}, "give 1 to 960"),
        ({"liabilities": "pray"}, "'pray' is not known"),
        ({"seed": -1}, "the seed is -1"),
    ],
)
def test_a_request_out_of_range_is_refused(values: dict[str, object], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        Request(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("number", "plate_number", "name"), [(0, 1, "A1"), (11, 1, "A12"), (12, 1, "B1"),
                                         (95, 1, "H12"), (96, 2, "A1")],
)  # fmt: skip
def test_wells_go_row_by_row(number: int, plate_number: int, name: str) -> None:
    assert Well.of(number) == Well(plate_number, name)


def test_a_plate_stands_until_the_one_that_replaces_it_is_whole(
    plate: Proposals, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_plate(plate, tmp_path / "plate")
    before = {path.name: path.read_bytes() for path in (tmp_path / "plate").iterdir()}

    def stopped(*_: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"{write_plate.__module__}.plate_page", stopped)
    with pytest.raises(KeyboardInterrupt):
        write_plate(plate, tmp_path / "plate", layout=Layout(controls=2), overwrite=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "plate").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == ["plate"]


def test_a_folder_with_other_files_takes_no_plate(plate: Proposals, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(OptionError, match=r"other files than a plate \(notes.txt\)"):
        write_plate(plate, tmp_path, overwrite=True)


def test_a_plate_is_read_back_as_it_was_proposed_or_refused(
    plate: Proposals, model: AssayGP, tmp_path: Path
) -> None:
    strange = replace(plate.chosen[0], reason="=1+1 \x1b[2J", naturalness=-3.5)
    written = write_plate(replace(plate, chosen=(strange, *plate.chosen[1:])), tmp_path / "plate")
    wells, parent = read_wells(tmp_path / "plate")
    assert wells["naturalness"][0] == -3.5
    assert wells.rows() == written.rows()
    assert (parent.heavy.sequence, parent.light and parent.light.sequence) == (HEAVY, LIGHT)
    write_plate(propose(model, (HEAVY, LIGHT), replace(REQUEST, count=3)), tmp_path / "other")
    for name in ("proposed.csv", "proposed.json"):
        path = tmp_path / "plate" / name
        whole = path.read_bytes()
        place = whole.rindex(b"EVQL") if b"EVQL" in whole else len(whole) // 2
        flipped = whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        for content in (flipped, whole[:place], (tmp_path / "other" / name).read_bytes()):
            path.write_bytes(content)
            with pytest.raises(FileFormatError, match=r"proposed\.(csv|json)"):
                read_wells(tmp_path / "plate")
        path.write_bytes(whole)


def test_a_plate_is_written_for_the_laboratory(plate: Proposals, tmp_path: Path) -> None:
    write_plate(plate, tmp_path / "plate", layout=Layout(controls=2))
    table = pl.read_csv(tmp_path / "plate" / "proposed.csv")
    assert table["well"].to_list() == [*(f"A{i}" for i in range(1, 13)), "B1", "B2"]
    assert table["name"].n_unique() == 14
    assert table["origin"].to_list()[-2:] == ["control", "control"]
    read = read_antibodies(tmp_path / "plate" / "proposed.fasta")
    assert [(one.heavy, one.light) for one in read] == list(
        zip(table["heavy"], table["light"], strict=True)
    )
    written = json.loads((tmp_path / "plate" / "proposed.json").read_text())
    assert written["proposals"][0]["mutations"] == plate.chosen[0].mutations
    page = (tmp_path / "plate" / "plate.html").read_text()
    assert plate.chosen[0].mutations in page
    assert "http" not in page
    for one in plate.chosen:
        well = page[page.index(f'title="{one.mutations}"') :].split("</td>")[0]
        assert one.mutations.split(";")[0] in well.split("<b>")[1]
    assert 'data-well="A1"' in page
    assert "max-width: 760px" in page
    with pytest.raises(OptionError, match="--controls is -1"):
        Layout(controls=-1)


def test_no_mutation_fills_the_plate(model: AssayGP) -> None:
    full, capped = (
        propose(model, (HEAVY, LIGHT), replace(REQUEST, most_repeats=share, policy=GREEDY))
        for share in (1.0, 0.25)
    )
    assert most_common_mutation(full) > 3
    assert most_common_mutation(capped) == 3
    assert len(capped.chosen) == 12


def test_a_limit_on_repeats_gives_way_before_the_plate_stays_empty(model: AssayGP) -> None:
    narrow = Request(6, 1, positions=("H:30",), letters="AD", most_repeats=0.1)
    found = propose(model, (HEAVY, LIGHT), narrow)
    assert len(found.chosen) == len({one.mutations for one in found.chosen}) <= 2
    few = Request(6, 2, positions=("H:28", "H:30"), letters="AD", most_repeats=0.1)
    assert len(propose(model, (HEAVY, LIGHT), few).chosen) == 6
    assert any("--most-repeats" in note for note in propose(model, (HEAVY, LIGHT), few).notes)


def test_wells_may_be_kept_for_single_mutants(model: AssayGP) -> None:
    found = propose(model, (HEAVY, LIGHT), replace(REQUEST, singles=4))
    assert [one.mutation_count for one in found.chosen][:4] == [1, 1, 1, 1]
    assert len({one.mutations for one in found.chosen}) == 12


def test_a_budget_buys_what_it_can(model: AssayGP) -> None:
    found = propose(model, (HEAVY, LIGHT), replace(REQUEST, purse=Purse(100.0, 10.0, 5.0)))
    spent = sum(10 + 5 * one.mutation_count for one in found.chosen)
    assert 80 < spent <= 100
    assert any("may be proposed" in note for note in found.notes)
    with pytest.raises(OptionError, match="--budget together with --cost-variant"):
        Purse(100.0)


def test_what_is_in_the_laboratory_is_not_asked_again(plate: Proposals, model: AssayGP) -> None:
    chains = [(one.heavy, one.light) for one in plate.chosen]
    standing = Standing(pending=chains[:6], failed=chains[6:])
    again = propose(model, (HEAVY, LIGHT), REQUEST, standing)
    assert not {(one.heavy, one.light) for one in again.chosen} & set(chains)


def test_replicates_stand_on_the_plate_and_controls_on_every_one(plate: Proposals) -> None:
    table = plate_table(plate, layout=Layout(controls=3, replicates=10))
    assert table["plate"].max() == 2
    assert table.filter(kind="control").group_by("plate").len().sort("plate")["len"].to_list() == [
        3, 3,
    ]  # fmt: skip
    assert table.filter(kind="variant").height == 12
    assert table.filter(kind="replicate").height == 108
    assert table["name"].n_unique() == table.height


def test_mutations_are_named_by_kabat_and_imgt_too(plate: Proposals) -> None:
    for row in plate_table(plate).iter_rows(named=True):
        for scheme in ("kabat", "imgt"):
            names = row[scheme]
            assert parse_mutations(names, HEAVY, LIGHT, scheme) == parse_mutations(
                row["mutations"], HEAVY, LIGHT
            )


def test_what_a_plate_is_expected_to_give_adds_up(plate: Proposals) -> None:
    expected = plate.expected.plates
    assert set(expected) == {"proposed", "random", "singles"}
    total = sum(one.chance_over_best for one in plate.chosen)
    assert expected["proposed"].over_best.mean == pytest.approx(total)
    assert expected["proposed"].over_best.mean > expected["random"].over_best.mean
    assert expected["proposed"].best.lower_90 < expected["proposed"].best.upper_90


def test_a_reason_tells_what_was_measured_before() -> None:
    changes = parse_mutations("H:T30A;H:D31Y", HEAVY, LIGHT) if HEAVY[29:31] == "TD" else ()
    changes = changes or parse_mutations(f"H:{HEAVY[29]}30A;H:{HEAVY[30]}31Y", HEAVY, LIGHT)
    known = Known.of([frozenset({("H", 30, "A")}), frozenset({("H", 30, "A"), ("H", 33, "W")})])
    told = reason_for("combination", changes, known, 0.4, 0.25, True)
    assert told == (
        "Combines single changes that the model ranks high; among the highest predictions "
        "(+0.40 against the parent), 25% chance to beat the best measured. Measured before: "
        f"H:{HEAVY[29]}30A in 2 variants. Never changed before: H:{HEAVY[30]}31."
    )


def test_a_bond_is_kept_or_lost_as_it_is_asked_for(model: AssayGP, tmp_path: Path) -> None:
    other = assay_table(40).with_columns(
        (18.0 - pl.col(name)).alias(name) for name in ("pkd", "pkd_lower", "pkd_upper")
    )
    against = AssayGP(target="pkd").fit(other)
    against.save(tmp_path / "mouse")
    free = propose(model, (HEAVY, LIGHT), REQUEST)
    parent = against.predict(pl.DataFrame({"heavy": [HEAVY], "light": [LIGHT]}))[0]

    def changes(plate: Proposals) -> np.ndarray:
        table = pl.DataFrame(
            {"heavy": [x.heavy for x in plate.chosen], "light": [x.light for x in plate.chosen]}
        )
        return against.predict(table) - parent

    assert changes(free).min() < -0.4
    kept = propose(
        model, (HEAVY, LIGHT), replace(REQUEST, aims=Aims(keep=(str(tmp_path / "mouse"),),
        margin=0.4)),
    )  # fmt: skip
    assert changes(kept).min() >= -0.4
    lost = propose(
        model, (HEAVY, LIGHT), replace(REQUEST, aims=Aims(lose=(str(tmp_path / "mouse"),),
        margin=0.4)),
    )  # fmt: skip
    assert changes(lost).max() <= -0.4
    assert f"mouse {changes(lost)[0]:+.2f}" in lost.chosen[0].others


def test_humanness_germline_and_charge_are_rules_where_they_are_asked_for(model: AssayGP) -> None:
    from abag.maturation.antibody.liabilities import net_charge

    own = net_charge(HEAVY + LIGHT)
    aims = Aims(least_human=-1.0, least_charge=own - 0.2, most_charge=own + 0.2)
    found = propose(model, (HEAVY, LIGHT), replace(REQUEST, aims=aims))
    assert found.chosen
    assert all(one.humanness >= -1.0 for one in found.chosen)
    assert all(abs(net_charge(one.heavy + (one.light or "")) - own) < 0.21 for one in found.chosen)
    nearest = min(one.germline_distance for one in propose(model, (HEAVY, LIGHT), REQUEST).chosen)
    near = propose(model, (HEAVY, LIGHT), replace(REQUEST, aims=Aims(most_from_germline=nearest)))
    assert all(one.germline_distance <= nearest for one in near.chosen)
    with pytest.raises(OptionError, match="--least-charge is above"):
        Aims(least_charge=2.0, most_charge=1.0)


def test_a_plate_on_the_first_fronts_holds_trades_and_says_who_is_beaten(model: AssayGP) -> None:
    request = Request(count=8, most=2, cdrs=("H3",), aims=Aims(pareto=True))
    found = propose(model, (HEAVY, LIGHT), request)
    assert any("of the first" in note for note in found.notes)
    first = [one for one in found.chosen if one.front == 1]
    assert first
    best = max(found.chosen, key=lambda one: one.predicted)
    assert best.front == 1
    human = max(found.chosen, key=lambda one: (one.humanness, one.predicted))
    assert human.humanness > best.humanness or human is best
    rows = plate_table(found)
    assert rows["pareto_front"].to_list() == [one.front for one in found.chosen]
    assert rows["at_limit"].to_list() == [one.at_limit for one in found.chosen]
