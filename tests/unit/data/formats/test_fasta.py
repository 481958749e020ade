"""Heavy and light chains are paired, or refused with their line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from abag.data.formats import read_antibodies, read_antigens, read_fasta
from abag.data.formats.mapping import mapping_from_texts
from abag.data.formats.sequences.fasta_names import chain_label
from abag.data.formats.sequences.pairing import labelled, pairs_of
from abag.errors import MissingFileError, OptionError, TableError
from abag.inference.inputs import given_antigen
from synthetic_pairs import HEAVY, LIGHT

H, L = "EVQLVESGG", "DIQMTQSPS"


def written(folder: Path, text: str, name: str = "ab.fasta") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def chains(path: Path, light: Path | None = None) -> list[tuple[object, ...]]:
    found = read_antibodies(path, light)
    return [(a.line, a.name, a.heavy, a.light, a.scfv) for a in found]


@pytest.mark.parametrize(
    ("header", "label"),
    [
        ("ab1_H", ("ab1", "heavy")),
        ("ab1|light", ("ab1", "light")),
        ("ab1|heavy|Homo sapiens", ("ab1", "heavy")),
        ("ab1 heavy chain", ("ab1", "heavy")),
        ("ab1 light something", ("ab1", "light")),
        ("my-mab-VL", ("my-mab", "light")),
        ("ab1|scFv", ("ab1", "scfv")),
        ("nb3|VHH", ("nb3", "heavy")),
        ("sp|P0DTC2|SPIKE", ("sp|P0DTC2|SPIKE", None)),
        ("trastuzumab", ("trastuzumab", None)),
    ],
)
def test_a_header_names_its_chain(header: str, label: tuple[str, str | None]) -> None:
    assert chain_label(header) == label


def test_one_file_pairs_by_id_in_any_order(tmp_path: Path) -> None:
    text = f">a_L\n{L}\n>b|heavy\n{H}\n>a_H\n{H[:4]}\n {H[4:]}\n>b|light\n{L}\n>n|VHH\n{H}\n"
    assert chains(written(tmp_path, text)) == [
        (1, "a", H, L, None),
        (3, "b", H, L, None),
        (10, "n", H, None, None),
    ]


def test_joined_records_and_scfv(tmp_path: Path) -> None:
    text = f">a\n{H}:{L}\n>b\n{H}/{L}\n>c|scfv\n{H}GGGGS{L}\n>d\n{H}\n"
    assert chains(written(tmp_path, text)) == [
        (1, "a", H, L, None),
        (3, "b", H, L, None),
        (5, "c", None, None, f"{H}GGGGS{L}"),
        (7, "d", H, None, None),
    ]


def test_two_files_pair_by_id_whatever_the_order(tmp_path: Path) -> None:
    heavy = written(tmp_path, f">a_H\n{H}\n>b_H\n{H}A\n", "h.fasta")
    light = written(tmp_path, f">b_L\n{L}B\n>a_L\n{L}\n", "l.fasta")
    assert chains(heavy, light) == [(1, "a", H, L, None), (3, "b", f"{H}A", f"{L}B", None)]


def test_two_files_without_common_ids_pair_by_order(tmp_path: Path) -> None:
    heavy = written(tmp_path, f">x1\n{H}\n>x2\n{H}A\n", "h.fasta")
    light = written(tmp_path, f">y1\n{L}\n>y2\n{L}C\n", "l.fasta")
    assert [c[2:4] for c in chains(heavy, light)] == [(H, L), (f"{H}A", f"{L}C")]
    with pytest.raises(TableError, match=r"1 light chains, but .* has 2 heavy chains"):
        chains(heavy, written(tmp_path, f">y1\n{L}\n", "short.fasta"))


def test_an_unpaired_chain_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"row 3: the light chain of 'b' has no heavy chain"):
        chains(written(tmp_path, f">a_H\n{H}\n>b_L\n{L}\n>a_L\n{L}\n"))
    heavy = written(tmp_path, f">a\n{H}\n>b\n{H}\n", "h.fasta")
    light = written(tmp_path, f">a\n{L}\n>c\n{L}\n", "l.fasta")
    with pytest.raises(TableError, match=r"(?s)l\.fasta.*row 3: the light chain of 'c'"):
        chains(heavy, light)
    with pytest.raises(TableError, match=r"row 3: the heavy chain of 'b' has no light"):
        chains(heavy, written(tmp_path, f">a\n{L}\n", "l.fasta"))


def test_all_faults_of_records_come_at_once(tmp_path: Path) -> None:
    text = f"EVQ\n>a\n{H}\n>b\n>a\nEV1Q V?\n>\nEVQ\n"
    with pytest.raises(TableError) as caught:
        read_fasta(written(tmp_path, text))
    assert [(p.row, p.reason.split(" (")[0]) for p in caught.value.problems] == [
        (1, "a sequence stands before the first header"),
        (4, "record 'b' is empty"),
        (5, "'a' stands already on line 2"),
        (6, "not letters of a sequence: '1' at place 3, '?' at place 7"),
        (7, "a header without a name"),
    ]


def test_a_record_longer_than_any_chain_is_refused_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "genome.fasta"
    path.write_text(">a_H\nEVQL\n>chromosome\n" + "ACGT\n" * 25_001)
    with pytest.raises(TableError, match=r"(?s)3.*a record of 100,004 letters \(at most 100,000\)"):
        read_fasta(path)


def test_two_heavy_chains_of_one_id_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"row 3: 'a' has a heavy chain already \(line 1\)"):
        chains(written(tmp_path, f">a_H\n{H}\n>a|heavy\n{H}\n"))
    with pytest.raises(TableError, match="3 chains in record 'a', where VH:VL"):
        chains(written(tmp_path, f">a\n{H}:{L}:{L}\n"))


def test_gzip_and_carriage_returns_change_nothing(tmp_path: Path) -> None:
    path = tmp_path / "ab.fasta.gz"
    path.write_bytes(gzip.compress(f">a\r\n{H}\r\n{L}\r\n".encode()))
    assert [(r.line, r.id, r.sequence) for r in read_fasta(path)] == [(1, "a", H + L)]


def test_one_antigen_goes_with_every_antibody_and_several_by_id(tmp_path: Path) -> None:
    path = written(tmp_path, f">a\n{H}\n>b\n{H}\n")
    antibodies = read_antibodies(path)
    one = read_antigens(written(tmp_path, ">her2 human\nMKT/AYI\n", "ag.fasta"))
    pairs = pairs_of(path, antibodies, one)
    assert pairs["antigen"].to_list() == [["MKT", "AYI"]] * 2
    assert pairs["antigen_name"].to_list() == ["her2"] * 2
    several = read_antigens(written(tmp_path, ">b\nMKT\n>a\nAYI\n", "ag.fasta"))
    assert pairs_of(path, antibodies, several)["antigen"].to_list() == [["AYI"], ["MKT"]]
    with pytest.raises(TableError, match="row 3: none of the 2 antigens has the name 'b'"):
        pairs_of(path, antibodies, {"a": ("MKT",), "c": ("AYI",)})


def test_labels_by_name_make_measurements(tmp_path: Path) -> None:
    path = written(tmp_path, f">a\n{H}:{L}\n>b\n{H}\n")
    antibodies = read_antibodies(path)
    antigens = {"x": ("MKTAY",), "y": ("LLLLL", "GGGGG")}
    labels = written(tmp_path, "id,antigen,KD (nM)\nb,x,5\na,y,<3\na,x,7\n", "labels.csv")
    raw = labelled(pairs_of(path, antibodies), labels, antigens=antigens)
    assert raw.file == "labels.csv"
    chosen = raw.frame.select("source_row", "heavy", "light", "antigen", "value", "unit")
    assert chosen.rows() == [
        (2, H, None, ["MKTAY"], "5", "nM"),
        (3, H, L, ["LLLLL", "GGGGG"], "<3", "nM"),
        (4, H, L, ["MKTAY"], "7", "nM"),
    ]
    assert raw.original.columns == ["source_row", "id", "antigen", "KD (nM)"]


def test_labels_and_sequences_that_do_not_meet_are_all_named(tmp_path: Path) -> None:
    path = written(tmp_path, f">a\n{H}\n>b\n{H}\n")
    pairs = pairs_of(path, read_antibodies(path), {"x": ("MKTAY",)})
    labels = written(tmp_path, "id,KD (nM)\na,5\nz,3\n", "labels.csv")
    with pytest.raises(TableError) as caught:
        labelled(pairs, labels)
    assert "row 3, column 'id': no sequence is named 'z'" in str(caught.value)
    assert "1 antibodies have no row here: b" in str(caught.value)
    few = written(tmp_path, "id,KD (nM)\na,5\n", "labels.csv")
    assert labelled(pairs, few, ignore_unlabelled=True).frame.height == 1


def test_labels_without_any_antigen_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, f">a\n{H}\n")
    pairs = pairs_of(path, read_antibodies(path))
    labels = written(tmp_path, "id,KD (nM)\na,5\n", "labels.csv")
    with pytest.raises(TableError, match="there is no antigen"):
        labelled(pairs, labels)
    accepted = labelled(pairs, labels, mapping_from_texts(["antigen_unknown:=true"]))
    assert accepted.frame["antigen"].to_list() == [[]]


VHH = "QVQLQESGGGLVQAGGSLRLSCAASGSDFSSSTMGWYRQAPGKQREFVAISSEGSTSYAGSVKGRFTISRDNAKNTVYLQMNSLEP"
VHH += "EDTAVYYCNVVDRWYDYWGQGTQVTVSS"


@pytest.mark.parametrize(
    ("heavy", "light", "name"),
    [
        ("H", "L", "ab"), ("heavy", "light", "ab"), ("VH", "VL", "ab"), ("H:t", "L:t", "t"),
        ("VH_t", "VL_t", "t"), ("Heavy chain t", "Light chain t", "t"), ("t:H", "t:L", "t"),
        ("t (heavy)", "t (light)", "t"), ("H|t|human", "L|t|human", "t"), ("t/VH", "t/VL", "t"),
        ("t_H|Homo sapiens", "t_L|Homo sapiens", "t"), ("t heavy chain x", "t light chain x", "t"),
    ],
)  # fmt: skip
def test_a_pair_is_found_wherever_the_chain_stands_in_its_header(
    tmp_path: Path, heavy: str, light: str, name: str
) -> None:
    path = written(tmp_path, f">{light}\n{L}\n>{heavy}\n{H}\n")
    assert chains(path) == [(1, name, H, L, None)]


@pytest.mark.parametrize("names", [("nb-A", "nb-H", "scan_K"), ("nb-H", "nb-L"), ("H-1", "L-2"),
                                   ("K", "H_2")])  # fmt: skip
def test_a_letter_at_the_end_of_a_lone_nanobodys_name_is_no_label(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    path = written(tmp_path, "".join(f">{name}\n{VHH}{'S' * i}\n" for i, name in enumerate(names)))
    found = read_antibodies(path)
    assert [a.name for a in found] == list(names)
    assert all(a.heavy and not a.light for a in found)


def test_an_antigen_beside_its_pair_goes_with_it(tmp_path: Path) -> None:
    for label in ("antigen", "A", "Ag"):
        (found,) = read_antibodies(written(tmp_path, f">H\n{H}\n>L\n{L}\n>{label}\nMKTAY:GGG\n"))
        assert (found.heavy, found.light, found.antigen) == (H, L, ("MKTAY", "GGG"))
    path = written(tmp_path, f">a_H\n{H}\n>a_L\n{L}\n>b|VHH\n{VHH}\n>antigen\nMKTAY\n")
    assert [a.antigen for a in read_antibodies(path)] == [("MKTAY",)] * 2
    assert pairs_of(path, read_antibodies(path))["antigen"].to_list() == [["MKTAY"]] * 2


KAPPA = "DIQMTQSPSSLSASVGDRVTITCRASQDVNTAVAWYQQKPGKAPKLLIYSASFLYSGVPSRFSGSRSGTDFTLTISSLQPED"
KAPPA += "FATYYCQQHYTTPPTFGQGTKVEIK"
TARGET = "MKTAYIAKQRQISFVKSHFSRQLEERLGLIEVQ"


@pytest.mark.parametrize("header", ["9XYZ_{}|Chain {}[auth Q]|Some Fab|Homo sapiens (9606)",
                                    "9XYZ:{1}|PDBID|CHAIN|SEQUENCE", "9xyz_{1}"])  # fmt: skip
def test_chains_of_a_pdb_entry_are_told_by_their_domains(tmp_path: Path, header: str) -> None:
    text = "".join(
        f">{header.format(i, letter)}\n{sequence}\n"
        for i, (letter, sequence) in enumerate((("A", KAPPA), ("B", VHH), ("C", TARGET)), start=1)
    )
    (found,) = read_antibodies(written(tmp_path, text))
    assert (found.name, found.heavy, found.light) == ("9xyz", VHH, KAPPA)
    assert (found.antigen, found.flags) == ((TARGET,), ("antigen_is_rest_of_entry",))
    with pytest.raises(TableError, match="2 heavy and 1 light chains in the entry 9xyz"):
        read_antibodies(written(tmp_path, text + f">9XYZ_4|Chain D|x|y\n{VHH}A\n"))


def test_an_antigen_may_be_given_as_a_file_of_it(tmp_path: Path) -> None:
    one = written(tmp_path, ">her2\nMKT/AYI\n", "ag.fasta")
    assert given_antigen([str(one), "GGGLLL"]) == ["MKT", "AYI", "GGGLLL"]
    several = written(tmp_path, ">a\nMKT\n>b\nAYI\n", "two.fasta")
    with pytest.raises(OptionError, match="has 2 antigens"):
        given_antigen([str(several)])
    with pytest.raises(MissingFileError, match=r"there is no file .*none\.fasta"):
        given_antigen([str(tmp_path / "none.fasta")])
    assert given_antigen(["M" * 3000]) == ["M" * 3000]


@pytest.mark.parametrize(
    ("heavy", "light"), [("ab1_IGH", "ab1_IGK"), ("ab1_IGHG", "ab1_IGL"), ("ab1;H", "ab1;L"),
                         ("ab1,VH", "ab1,VK")]
)  # fmt: skip
def test_loci_and_other_signs_name_the_chains_of_one_antibody(
    heavy: str, light: str, tmp_path: Path
) -> None:
    path = tmp_path / "two.fasta"
    path.write_text(f">{heavy}\nEVQLVESGGG\n>{light}\nDIQMTQSPSS\n")
    (found,) = read_antibodies(path)
    assert (found.name, found.heavy, found.light) == ("ab1", "EVQLVESGGG", "DIQMTQSPSS")


@pytest.mark.parametrize(
    ("heavy", "light", "name"),
    [("VH1", "VL1", "1"), ("H2", "L2", "2"), ("ab1_VH_1", "ab1_VL_1", "ab1_1"),
     ("ab1_heavy_v2", "ab1_light_v2", "ab1_v2"), ("ab-HC-03", "ab-LC-03", "ab_03")],
)  # fmt: skip
def test_a_chain_may_be_named_inside_the_name_of_both(
    tmp_path: Path, heavy: str, light: str, name: str
) -> None:
    path = tmp_path / "a.fasta"
    path.write_text(f">{heavy}\n{HEAVY}\n>{light}\n{LIGHT}\n")
    (one,) = read_antibodies(path)
    assert (one.name, one.heavy, one.light) == (name, HEAVY, LIGHT)


def test_a_light_chain_alone_is_no_pair_and_its_heavy_chain_no_vhh(tmp_path: Path) -> None:
    path = tmp_path / "a.fasta"
    path.write_text(f">clone7\n{HEAVY}\n>clone8\n{LIGHT}\n")
    with pytest.raises(TableError, match="'clone8' is a light chain, and no heavy chain has"):
        read_antibodies(path)


def test_vhhs_that_are_called_by_letter_and_number_keep_their_names(tmp_path: Path) -> None:
    path = tmp_path / "a.fasta"
    path.write_text(f">H1\n{HEAVY}\n>H2\n{HEAVY}A\n>L1\n{HEAVY}S\n")
    assert [one.name for one in read_antibodies(path)] == ["H1", "H2", "L1"]
