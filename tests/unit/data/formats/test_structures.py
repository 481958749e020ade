"""Complexes are found in structures whose coordinates were made up on a grid."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from pathlib import Path

import gemmi
import pytest

from abag.data.canonical import canonicalise
from abag.data.formats import ChainNames, read_complexes, read_measurements, read_pairs
from abag.data.formats.coordinates.complexes import complexes_table
from abag.data.formats.coordinates.structures import read_structure
from abag.errors import FileFormatError, OptionError

# Variable domains of trastuzumab (public: INN list 78, DrugBank DB00072).
VH = (
    "EVQLVESGGGLVQPGGSLRLSCAASGFNIKDTYIHWVRQAPGKGLEWVARIYPTNGYTRYADSVKGRFTISADTSKNTAYLQMNSLRAEDTAVYYC"
    "SRWGGDGFYAMDYWGQGTLVTVSS"
)
VL = (
    "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPEDFATYYCQQHYTTPP"
    "TFGQGTKVEIK"
)
LINKER = "GGGGSGGGGSGGGGS"
H3 = VH.index("SRWGG")
TARGET = "MKTAYIAKQRQISFVKSHFS"
RISE = 3.8
Placed = tuple[str, float, float, int]
"""Letters, x and z of a straight chain along y (Å), and the rung at which it begins."""


def grid(
    chains: Mapping[str, Placed],
    seqres: Mapping[str, str] | None = None,
    gaps: Mapping[str, Iterable[int]] | None = None,
    name: str = "9xyz",
) -> gemmi.Structure:
    """Chains of C-alpha atoms on a grid; residues on one rung and 4 Å apart are in contact."""
    structure = gemmi.Structure()
    structure.name = name
    structure.info["_entry.id"] = name
    model = gemmi.Model(1)
    for label, (letters, x, z, first) in chains.items():
        chain = gemmi.Chain(label)
        left_out = set((gaps or {}).get(label, ()))
        for i, letter in enumerate(letters):
            if i in left_out:
                continue
            residue = gemmi.Residue()
            residue.name = gemmi.expand_one_letter(letter, gemmi.ResidueKind.AA)
            residue.seqid = gemmi.SeqId(i + 1, " ")
            atom = gemmi.Atom()
            atom.name, atom.element = "CA", gemmi.Element("C")
            atom.pos = gemmi.Position(x, RISE * (first + i), z)
            residue.add_atom(atom)
            chain.add_residue(residue)
        model.add_chain(chain)
    structure.add_model(model)
    structure.setup_entities()
    for label, letters in (seqres or {}).items():
        entity = structure.get_entity_of(structure[0][label].get_polymer())
        entity.full_sequence = [
            gemmi.expand_one_letter(letter, gemmi.ResidueKind.AA) for letter in letters
        ]
    structure.assign_label_seq_id()
    return structure


def as_pdb(folder: Path, structure: gemmi.Structure, name: str = "model.pdb") -> Path:
    path = folder / name
    path.write_text(structure.make_pdb_string())
    return path


def as_cif(folder: Path, structure: gemmi.Structure) -> Path:
    path = folder / "model.cif.gz"
    path.write_bytes(gzip.compress(structure.make_mmcif_document().as_string().encode()))
    return path


FAB: dict[str, Placed] = {
    "L": (VL, 4.0, 0.0, 0),
    "H": (VH, 0.0, 0.0, 0),
    "A": (TARGET, 0.0, 4.0, H3),
}


@pytest.mark.parametrize("write", [as_pdb, as_cif])
def test_heavy_light_and_antigen_are_found(tmp_path: Path, write: object) -> None:
    (found,) = read_complexes(write(tmp_path, grid(FAB)))  # type: ignore[operator]
    assert found.light is not None
    assert (found.heavy.name, found.light.name) == ("H", "L")
    assert [chain.name for chain in found.antigen] == ["A"]
    assert (found.heavy.sequence, found.light.sequence) == (VH, VL)
    assert not found.is_scfv
    assert "sequence_from_resolved_residues" in found.flags


def test_contacts_are_the_residues_on_one_rung(tmp_path: Path) -> None:
    (found,) = read_complexes(as_pdb(tmp_path, grid(FAB)))
    by_hand = [
        ("H", H3 + i, "A", i) for i in range(len(TARGET))
    ]  # L stands 4 * sqrt(2) = 5.7 Å from A, neighbours on H 5.5 Å.
    assert [
        (c.antibody_chain, c.antibody_index, c.antigen_chain, c.antigen_index)
        for c in found.contacts
    ] == by_hand
    assert {round(c.distance_angstrom, 3) for c in found.contacts} == {4.0}


def test_each_copy_in_the_asymmetric_unit_is_a_complex(tmp_path: Path) -> None:
    second = {
        "M": (VL, 104.0, 0.0, 0), "B": (TARGET, 100.0, 4.0, H3), "K": (VH, 100.0, 0.0, 0),
    }  # fmt: skip
    found = read_complexes(as_pdb(tmp_path, grid({**FAB, **second}, name="")))
    assert [(c.copy, c.name) for c in found] == [(1, "model_HL_A"), (2, "model_KM_B")]
    frame = complexes_table(found)
    assert frame["source_row"].to_list() == [1, 2]
    assert frame["antigen"].to_list() == [[TARGET], [TARGET]]


def test_a_light_chain_goes_to_the_heavy_chain_that_it_touches_most(tmp_path: Path) -> None:
    # L lies beside K all along, beside H only for its last rungs.
    chains = {
        "H": (VH, 8.0, 0.0, 90), "L": (VL, 4.0, 0.0, 0), "K": (VH, 0.0, 0.0, 0),
        "A": (TARGET, 0.0, 4.0, H3), "B": (TARGET, 8.0, 4.0, 90 + H3),
    }  # fmt: skip
    found = read_complexes(as_pdb(tmp_path, grid(chains)))
    assert [(c.heavy.name, c.light.name if c.light else None) for c in found] == [
        ("H", None),
        ("K", "L"),
    ]


def test_a_light_chain_that_touches_nothing_is_nobodys(tmp_path: Path) -> None:
    chains = {"H": FAB["H"], "A": FAB["A"], "L": (VL, 60.0, 0.0, 0)}
    (found,) = read_complexes(as_pdb(tmp_path, grid(chains)))
    assert found.light is None


def test_a_neighbouring_antibody_is_no_antigen_where_there_is_one(tmp_path: Path) -> None:
    # L of a second antibody passes the CDRs of the first, which has its own antigen.
    chains = {**FAB, "V": (VL, -4.0, 0.0, 0)}
    (found,) = read_complexes(as_pdb(tmp_path, grid(chains)), ChainNames("H", "L"))
    assert [chain.name for chain in found.antigen] == ["A"]
    alone = {name: placed for name, placed in chains.items() if name != "A"}
    (found,) = read_complexes(as_pdb(tmp_path, grid(alone)), ChainNames("H", "L"))
    assert [chain.name for chain in found.antigen] == ["V"]


def test_an_scfv_stays_one_chain(tmp_path: Path) -> None:
    chains = {"S": (VH + LINKER + VL, 0.0, 0.0, 0), "A": (TARGET, 0.0, 4.0, H3)}
    (found,) = read_complexes(as_pdb(tmp_path, grid(chains)))
    assert found.is_scfv
    row = complexes_table([found]).row(0, named=True)
    assert (row["heavy"], row["light"]) == (None, None)
    assert row["scfv"] == VH + LINKER + VL


def test_a_chain_far_from_the_cdrs_is_no_antigen(tmp_path: Path) -> None:
    # B touches framework 1 only.
    chains = {**FAB, "B": ("MKTAYIAKQ", 0.0, -4.0, 0)}
    (found,) = read_complexes(as_pdb(tmp_path, grid(chains)))
    assert [chain.name for chain in found.antigen] == ["A"]
    (named,) = read_complexes(
        as_pdb(tmp_path, grid(chains)), ChainNames.parse("heavy=H,light=L,antigen=A, B")
    )
    assert [chain.name for chain in named.antigen] == ["A", "B"]


@pytest.mark.parametrize("write", [as_pdb, as_cif])
def test_seqres_gives_the_letters_and_the_missing_residues(tmp_path: Path, write: object) -> None:
    tagged = TARGET + "HHHHHH"
    structure = grid(FAB, {"A": tagged, "H": VH}, {"A": (3, 4)})
    chain = read_structure(write(tmp_path, structure)).chain("A")  # type: ignore[operator]
    assert chain.sequence == tagged
    assert chain.from_seqres
    assert chain.missing == (4, 5, 21, 22, 23, 24, 25, 26)
    (found,) = read_complexes(write(tmp_path, structure))  # type: ignore[operator]
    assert [c.antigen_index for c in found.contacts] == [0, 1, 2, *range(5, 20)]
    assert "missing_residues" in found.flags


def test_a_seqres_that_disagrees_with_the_atoms_is_not_used(tmp_path: Path) -> None:
    other = TARGET[:7] + "W" + TARGET[8:]
    chain = read_structure(as_pdb(tmp_path, grid(FAB, {"A": other}))).chain("A")
    assert (chain.sequence, chain.from_seqres) == (TARGET, False)


def test_without_seqres_the_resolved_residues_are_used_and_gaps_counted(tmp_path: Path) -> None:
    structure = grid(FAB, gaps={"A": (3, 4)})
    chain = read_structure(as_pdb(tmp_path, structure)).chain("A")
    assert chain.sequence == TARGET[:3] + TARGET[5:]
    assert (chain.from_seqres, chain.missing, chain.breaks) == (False, (), 1)


def test_a_modified_residue_has_its_parents_letter(tmp_path: Path) -> None:
    structure = grid(FAB)
    structure[0]["A"][0].name = "MSE"
    structure[0]["A"][1].name = "UNK"
    assert read_structure(as_pdb(tmp_path, structure)).chain("A").sequence[:3] == "MXT"


def test_the_code_comes_from_the_entry_or_from_the_name(tmp_path: Path) -> None:
    assert read_structure(as_cif(tmp_path, grid(FAB))).structure_id == "9xyz"
    path = as_pdb(tmp_path, grid(FAB, name=""), "1N8Z.pdb")
    assert read_structure(path).structure_id == "1n8z"
    assert read_structure(as_pdb(tmp_path, grid(FAB, name=""))).structure_id is None


def test_what_is_no_complex_is_refused_with_the_mend(tmp_path: Path) -> None:
    path = as_pdb(tmp_path, grid(FAB))
    with pytest.raises(FileFormatError, match=r"no protein chain 'Z'; it has L, H, A"):
        read_complexes(path, ChainNames("Z"))
    with pytest.raises(OptionError, match="write one heavy chain"):
        ChainNames.parse("antigen=A")
    alone = as_pdb(tmp_path, grid({"A": FAB["A"]}))
    with pytest.raises(FileFormatError, match="no chain with a heavy variable domain"):
        read_complexes(alone)
    free = as_pdb(tmp_path, grid({"H": FAB["H"], "A": (TARGET, 50.0, 0.0, 0)}))
    with pytest.raises(FileFormatError, match="no protein chain within 5 Å of the CDRs"):
        read_complexes(free)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("hello world\n", "neither a PDB nor an mmCIF"),
        ("data_x\n_entry.id x\n", "holds no atoms"),
        ("data_x\nloop_\n_a.b\n_a.c\n1 2 3\n", "cannot be read as PDB or mmCIF"),
        ("HEADER    NOTHING\nEND\n", "holds no"),
    ],
)
def test_what_is_no_structure_is_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "model.cif"
    path.write_text(text)
    with pytest.raises(FileFormatError, match=said):
        read_structure(path)


def edited(path: Path, old: bytes, new: bytes) -> Path:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new))
    return path


def test_caps_are_no_residues_and_formyl_methionine_is_methionine(tmp_path: Path) -> None:
    structure = grid(FAB, {"A": TARGET})
    chain = structure[0]["A"]
    chain[0].name = "FME"
    for place, name in ((0, "ACE"), (len(TARGET) + 1, "NH2")):
        cap = gemmi.Residue()
        cap.name, cap.seqid = name, gemmi.SeqId(place, " ")
        atom = gemmi.Atom()
        atom.name, atom.element = "C", gemmi.Element("C")
        atom.pos = gemmi.Position(0.0, RISE * (H3 + place - 1), 4.0)
        cap.add_atom(atom)
        chain.add_residue(cap, -1 if place else 0)
    for with_caps in (False, True):
        names = [gemmi.expand_one_letter(letter, gemmi.ResidueKind.AA) for letter in TARGET]
        names[0] = "FME"
        structure.setup_entities()
        entity = structure.get_entity_of(structure[0]["A"].get_polymer())
        entity.full_sequence = ["ACE", *names, "NH2"] if with_caps else []
        read = read_structure(as_pdb(tmp_path, structure)).chain("A")
        assert (read.sequence, read.missing) == (TARGET, ())


def test_models_of_one_assembly_are_joined_and_an_ensemble_is_not(tmp_path: Path) -> None:
    whole = grid(FAB)
    parted = grid({name: FAB[name] for name in "LH"})
    parted.add_model(grid({"A": FAB["A"]})[0], -1)
    parted[1].num = 2
    (found,) = read_complexes(as_pdb(tmp_path, parted))
    assert [chain.name for chain in found.antigen] == ["A"]
    assert "models_joined" in found.flags
    copies = grid(FAB)
    moved = {name: (letters, x + 100.0, z, first) for name, (letters, x, z, first) in FAB.items()}
    copies.add_model(grid(moved)[0], -1)
    copies[1].num = 2
    assert [c.name for c in read_complexes(as_pdb(tmp_path, copies))] == [
        "9xyz_HL_A", "9xyz_H-2L-2_A-2",
    ]  # fmt: skip
    whole.add_model(grid({n: (s, x + 1.0, z, f) for n, (s, x, z, f) in FAB.items()})[0], -1)
    whole[1].num = 2
    (ensemble,) = read_complexes(as_pdb(tmp_path, whole))
    assert "models_joined" not in ensemble.flags


def test_old_columns_with_a_code_and_a_line_number_are_read(tmp_path: Path) -> None:
    path = as_pdb(tmp_path, grid(FAB))
    lines = path.read_text().splitlines()
    old = [
        f"{line[:72]:<72}1VFB{number:4d}" if line.startswith(("ATOM", "TER")) else line
        for number, line in enumerate(lines, start=78)
    ]
    path.write_text("\n".join(old) + "\n")
    (found,) = read_complexes(path)
    assert (found.heavy.sequence, found.antigen[0].sequence) == (VH, TARGET)


def test_damage_is_told_by_its_place(tmp_path: Path) -> None:
    path = as_pdb(tmp_path, grid({"A": FAB["A"]}))
    first = path.read_bytes().split(b"\nATOM")[1]
    place = first[26:50]
    with pytest.raises(FileFormatError, match="atom CA of residue MET 1 in chain A"):
        read_structure(edited(path, place, b"     nan" + place[8:]))
    path = as_pdb(tmp_path, grid({"A": FAB["A"]}))
    with pytest.raises(FileFormatError, match=r"line \d+, holds bytes that are no text"):
        read_structure(edited(path, b"MET A", b"\xffE\xe4 A"))
    path = as_cif(tmp_path, grid(FAB, {"A": TARGET}))
    cif = gzip.decompress(path.read_bytes()).decode()
    short = tmp_path / "short.cif"
    block = gemmi.cif.read_string(cif)
    loop = block[0].find(["_entity_poly_seq.entity_id", "_entity_poly_seq.num"])
    loop[len(loop) - 1][1] = "90"
    for row in block[0].find(["_atom_site.label_asym_id", "_atom_site.label_seq_id"]):
        if row[1] == "20":
            row[1] = "90"
    short.write_text(block.as_string())
    with pytest.raises(FileFormatError, match="contradicts itself"):
        read_structure(short)


def test_an_fv_alone_is_read_where_no_antigen_is_needed(tmp_path: Path) -> None:
    path = as_pdb(tmp_path, grid({name: FAB[name] for name in "LH"}))
    pairs = read_pairs(path)
    assert pairs.frame.select("antibody_name", "antigen").row(0) == ("9xyz_HL", [])
    assert "--antigen" in pairs.notes[0]


def test_flags_and_the_code_of_a_structure_reach_the_table(tmp_path: Path) -> None:
    gapped = grid(FAB, gaps={"H": range(H3, H3 + 6)})
    row = read_pairs(as_pdb(tmp_path, gapped)).frame.row(0, named=True)
    assert row["structure_id"] == "9xyz"
    assert row["flags"] == ["sequence_from_resolved_residues", "missing_residues"]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("heavy=H,light=L,antigen=A,B", ("H", "L", ("A", "B"))),
        ("VHH=K; antigen=A", ("K", None, ("A",))),
        ("h=A,l=B", ("A", "B", ())),
        ("heavy=H-2,antigen=AAA", ("H-2", None, ("AAA",))),
    ],
)
def test_chain_names_of_an_option(text: str, names: tuple[object, ...]) -> None:
    got = ChainNames.parse(text)
    assert (got.heavy, got.light, got.antigen) == names


@pytest.mark.parametrize("text", ["H,L", "light=L", "heavy=H,H2", "heavy=H,light=H", "chain=A", ""])
def test_chain_names_that_name_no_antibody_are_refused(text: str) -> None:
    with pytest.raises(OptionError, match="heavy=H,light=L,antigen=A,B"):
        ChainNames.parse(text)


SUMMARY = (
    "pdb\tHchain\tLchain\tmodel\tantigen_chain\tantigen_name\taffinity\tdelta_g"
    "\taffinity_method\ttemperature\tpmid"
)


def test_a_summary_of_sabdab_and_its_folder_are_one_step(tmp_path: Path) -> None:
    folder = tmp_path / "pdbs"
    folder.mkdir()
    as_pdb(folder, grid(FAB, name="1xyz"), "1xyz.pdb")
    as_pdb(folder, grid({"H": FAB["H"], "A": FAB["A"]}, name="3xyz"), "3xyz.pdb")
    summary = tmp_path / "summary.tsv"
    rows = [
        "1xyz\tH\tL\t0\tA\ttarget\t5.0E-09\t-11.3\tSPR\t25\t1",
        "3xyz\tH\tNA\t0\tA | D\ttarget\t1.2E-10\t-13.5\tOther\t25\t2",
        "1xyz\tH\tL\t0\tA\ttarget\tNone\tNone\tNone\tNone\t3",
        "4xyz\tH\tL\t0\tA\ttarget\t1e-9\t-12\tSPR\t25\t4",
        "1xyz\tQ\tL\t0\tA\ttarget\t1e-9\t-12\tSPR\t25\t5",
    ]
    summary.write_text("\n".join((SUMMARY, *rows)) + "\n")
    raw = read_measurements(folder, labels=summary)
    made = canonicalise(raw, "user", "own-data")
    kept = made.table.select("structure_id", "heavy", "pkd", "temperature_kelvin", "reference")
    assert [tuple(round(x, 3) if isinstance(x, float) else x for x in r) for r in kept.rows()] == [
        ("1xyz", VH, 8.301, 298.15, "1"), ("3xyz", VH, 9.921, 298.15, "2"),
    ]  # fmt: skip
    assert "antigen_chain_left_out" in made.table["flags"][1]
    aside = made.quarantine.select("source_row", "reasons").rows()
    reasons = {row: "; ".join(several) for row, several in aside}
    assert set(reasons) == {4, 5, 6}
    assert "the folder has no structure '4xyz'" in reasons[5]
    assert "no protein chain 'Q'" in reasons[6]
