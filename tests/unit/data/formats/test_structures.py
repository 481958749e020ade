"""Complexes are found in structures whose coordinates were made up on a grid."""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Mapping
from pathlib import Path

import gemmi
import pytest

from abag.data.formats import complexes_table, read_complexes, read_structure
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
    (found,) = read_complexes(as_pdb(tmp_path, grid(chains)), heavy="H", light="L")
    assert [chain.name for chain in found.antigen] == ["A"]
    alone = {name: placed for name, placed in chains.items() if name != "A"}
    (found,) = read_complexes(as_pdb(tmp_path, grid(alone)), heavy="H", light="L")
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
    (named,) = read_complexes(as_pdb(tmp_path, grid(chains)), heavy="H", light="L", antigen="A, B")
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
        read_complexes(path, heavy="Z")
    with pytest.raises(OptionError, match="give the heavy chain too"):
        read_complexes(path, antigen="A")
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
