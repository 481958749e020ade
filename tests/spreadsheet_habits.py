"""A generator of spreadsheet habits: how people write headers, values, units, ids and chains.

Each drawn :class:`Habit` carries what its writer meant. :func:`outcome` puts it through the readers
that every door uses and says what came of it: ``right`` (the value meant), ``refused`` (an error
that names it), ``flagged`` (read with a flag), or ``wrong``. The goal is that none is wrong.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import polars as pl

from abag.antibody.alphabet import AMINO_ACIDS
from abag.antibody.mutations import join_names, parse_mutations
from abag.data.chains import clean_antigen
from abag.data.formats.headers import detect_columns
from abag.data.formats.numbers.identifiers import own_name, reference, structure_id
from abag.data.formats.numbers.value_headers import read_rate_header, read_value_header
from abag.errors import MutationError, UnitError
from abag.units import (
    Quantity,
    check_unit,
    is_missing,
    parse_relation,
    parse_unit,
    temperature_kelvin,
)
from abag.units.bounds import convert
from synthetic_pairs import HEAVY, LIGHT

MOLAR = {"M": 1.0, "mM": 1e-3, "uM": 1e-6, "nM": 1e-9, "pM": 1e-12, "fM": 1e-15}
RAISED = str.maketrans("0123456789-+", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺")
MISSING = ["", "NA", "N/A", "n/a", "nan", "NaN", "None", "null", "-", "–", "—", ".", "?", "#N/A",
           "na", "<NA>", "NULL", "n.a.", "unknown", "not determined", " ", "--",
           "\u00a0"]  # fmt: skip
NO_BINDING = ["NB", "N.B.", "nb", "no binding", "No binding detected", "non-binder", "Non binder",
              "not detected", ">top", "> top conc.", ">highest", "n.d.", "ND", "does not bind",
              "no detectable binding", "undetectable", ">max"]  # fmt: skip
NAMES = ["Streptavidin", "Mesothelin", "Hemagglutinin", "Transferrin", "Neuraminidase", "HER2",
         "PD-L1", "EGFR", "SARS-CoV-2 RBD", "Spike", "TIGIT", "CEACAM", "lysozyme", "Lysozyme C",
         "VEGF-A", "IL-6", "insulin receptor", "TNFalpha", "mCherry", "Ricin A chain", "CTLA-4",
         "GPRC5D", "Vascular endothelial growth factor", "STREPTAVIDIN", "FERRITIN", "gp120",
         "Integrin alpha V", "RBD", "BSA", "HSA", "TSLP", "Glypican", "ACTIVIN", "Thrombin",
         "Fibrinogen", "Cathepsin", "Sclerostin", "Nectin", "Properdin", "P-selectin", "KLKB1",
         "Myelin basic protein", "E-cadherin", "Digoxigenin", "Ghrelin"]  # fmt: skip


PARENT = {"H": HEAVY, "L": LIGHT}
_LONG = {
    "A": "Ala", "C": "Cys", "D": "Asp", "E": "Glu", "F": "Phe", "G": "Gly", "H": "His", "I": "Ile",
    "K": "Lys", "L": "Leu", "M": "Met", "N": "Asn", "P": "Pro", "Q": "Gln", "R": "Arg", "S": "Ser",
    "T": "Thr", "V": "Val", "W": "Trp", "Y": "Tyr",
}  # fmt: skip


@dataclass(frozen=True)
class Habit:
    """A text, what its writer meant by it, and which reader it goes to."""

    kind: str
    text: str
    meaning: Any
    about: Any = None


@dataclass(frozen=True)
class Outcome:
    """What a reader made of a habit."""

    verdict: str
    got: Any = None


def habits(seed: int, count: int) -> Iterator[Habit]:
    """Draw ``count`` habits of every kind."""
    rng = random.Random(seed)
    kinds = list(_KINDS.values())
    for _ in range(count):
        yield rng.choice(kinds)[0](rng)


def outcome(habit: Habit) -> Outcome:
    """Read the habit as every door does, and compare with what was meant."""
    return _KINDS[habit.kind][1](habit)


# -- numbers ---------------------------------------------------------------------------------------


def _digits(rng: random.Random) -> tuple[str, float]:
    number = rng.choice([rng.uniform(0.1, 9.99), rng.uniform(10, 999), rng.uniform(1, 9)])
    text = rng.choice([f"{number:.2f}", f"{number:.1f}", f"{number:.3g}", f"{number:.0f}"])
    value = float(text)
    return (text, value) if value > 0 else ("1", 1.0)


def _number(rng: random.Random) -> tuple[str, float]:
    """A number in one of the notations that people use, and its value."""
    text, value = _digits(rng)
    power = rng.randint(-12, 6)
    form = rng.randrange(12)
    sign = rng.choice(["x", "×", "*", " x ", " × ", "·", " X "])
    match form:
        case 0 | 1 | 2:
            return text, value
        case 3:
            return f"{text}{rng.choice('eE')}{power}", value * 10.0**power
        case 4:
            return f"{text}E{power:+03d}", value * 10.0**power
        case 5:
            return f"{text}{sign}10^{power}", value * 10.0**power
        case 6:
            return f"{text}{sign}10{str(power).translate(RAISED)}", value * 10.0**power
        case 7:
            return f"{text}{sign}10{'−' if power < 0 else '^'}{abs(power)}", value * 10.0**power
        case 8:
            times = rng.choice([10, 100, 1000, 10000])
            return f"{text}{sign}{times}", value * times
        case 9:
            return f"{text}{sign}10**{power}", value * 10.0**power
        case 10:
            # Lost raised figures: 5 x 105; the writer meant 5e5.
            up = rng.randint(2, 9)
            return f"{text}{sign}10{up}", value * 10.0**up
        case _:
            return f"10^{power}", 10.0**power


def _unit_text(rng: random.Random, unit: str) -> str:
    prefix = unit[:-1]
    forms = [unit, unit, unit, f"{prefix}mol/L", f"{prefix}mol/l", f"{prefix}mol L-1",
             f"{prefix}mol·L⁻¹", f"{prefix}mol dm-3"]  # fmt: skip
    if prefix == "u":
        forms += ["µM", "μM", "micromolar"]
    if prefix == "n":
        forms += ["nanomolar", "NM", "nm"]
    return rng.choice(forms)


RELATIONS = {"": "=", "<": "<", ">": ">", "≤": "<", "≥": ">", "<=": "<", ">=": ">", "~": "~",
             "≈": "~", "ca. ": "~", "> ": ">", "< ": "<", "&lt;": "<", "&gt;": ">", "about ": "~",
             ">>": ">"}  # fmt: skip


def _value(rng: random.Random) -> Habit:
    """A cell of a KD column: relation, number, perhaps an error, perhaps a unit."""
    unit = rng.choice(list(MOLAR))
    text, value = _number(rng)
    while not 0.1 < -math.log10(value * MOLAR[unit]) < 15.9:
        text, value = _number(rng)
    sign = rng.choice(["", "", "", *RELATIONS])
    inside = rng.random() < 0.4
    error = rng.choice(["", "", "", " ± 0.2", " +/- 0.1", " (n=3)", "±0.05", " (SD 0.2)",
                        " (± 0.2)", " (SPR)", " (SEM = 0.1)"])  # fmt: skip
    if sign in (">", "≥") and rng.random() < 0.2:
        error = rng.choice([" (NB)", " (no binding)", " (n.b.)"])
    elif text.replace(".", "").isdigit() and rng.random() < 0.15:
        low, high = float(text) * 0.9, float(text) * 1.1
        error = rng.choice([" ({}-{})", " [{}, {}]", " (95% CI: {}–{})"]).format(low, high)
    shown = f"{sign}{text}{error}"
    if not error and not sign and rng.random() < 0.1:
        shown, number, power = _with_error(rng, text)
        value = number * 10.0**power
        if not 0.1 < -math.log10(value * MOLAR[unit]) < 15.9:
            return _value(rng)
    if inside:
        shown += f"{rng.choice(['', ' '])}{_unit_text(rng, unit)}"
    shown = rng.choice(["", "", " ", "'"]) + shown + rng.choice(["", "", " ", "\u00a0"])
    return Habit("value", shown, (RELATIONS[sign], value * MOLAR[unit]), None if inside else unit)


def _with_error(rng: random.Random, text: str) -> tuple[str, float, int]:
    """A number with its error and the power of ten of both: ``(3.2 ± 0.4) × 10⁻⁹``."""
    number, power = rng.randint(10, 99) / 10, rng.randint(-12, 2)
    form = rng.choice(["({n} ± 0.4)x10^{p}", "({n} +/- 0.4) × 10^{p}", "[{n}±0.4]E{p}",
                       "{n} ± 0.4 x 10^{p}", "{n}E{p} ± 0.4E{p}", "{n} ± 0.4E{p}"])  # fmt: skip
    return form.format(n=number, p=power), number, power


def _read_value(habit: Habit) -> Outcome:
    stands, kd_molar = habit.meaning
    try:
        bounds = convert(habit.text, "KD", habit.about)
    except UnitError:
        return Outcome("refused")
    number = bounds.lower if bounds.lower is not None else bounds.upper
    close = abs(number + math.log10(kd_molar)) < 1e-9
    same = bounds.relation.value == stands
    return Outcome("right" if close and same else "wrong", bounds)


def _thousands(rng: random.Random) -> Habit:
    """Commas, spaces, points and apostrophes between figures, of which two readings are usual."""
    number = rng.randint(1000, 999_999)
    mark = rng.choice([",", " ", "'", "\u202f", "’"])
    text = f"{number:,}".replace(",", mark)
    decimal = f"{rng.randint(0, 99)},{rng.randint(1, 99)}"
    if rng.random() < 0.5:
        return Habit("thousands", text, ("=", number * 1e-9), "nM")
    return Habit("thousands", decimal, ("=", float(decimal.replace(",", ".")) * 1e-9), "nM")


def _odd_value(rng: random.Random) -> Habit:
    """Cells that are no single number: ranges, remarks, dates, fractions, units of other things."""
    text = rng.choice(
        ["1-2", "1–2 nM", "1 to 2", "2024-03-01", "1/2", "weak", "poor fit", "see note", "5 nM*",
         "1.2(0.3)", "12%", "5 RU", "1.2.3", "5 nmol", "5 nM/s", "1e5 1/Ms", "3 kcal/mol",
         "5 mg/ml", "1.2; 1.4", "1.2 / 1.4", "+", "#DIV/0!", "5 ng/mL", "TRUE", "1.5e", "e-9", "0",
         "-5", "0.0", "inf", "1e400", "10-9", "2E10-9", "5 e-9", "5 m", "5 mm", "5 nM.", "*5",
         "<>5", "5<", "5 ±", "~<5", "5 n M", "5,", ",5", "5.5.5 nM", "five", "1E", "0x10",
         "3.2 (4.1-5.0)", "3.2 (0.4)", "3.2(-9)", "1000 (NB)", "<5 (NB)", "3.2†", "3.2 b", "3.2²",
         "<LOD", ">LOD", "OOR <", "out of range", "below LOQ", "〃", "ditto", "KD = 3 nM", "½",
         "3.2 nM; 4 nM", "1..5", "1.234.567", "0.3 ± 0.1E-6",
         "between 1 and 5", "NB at 37 C", "NB (2)", "mean", "n/f"]
    )  # fmt: skip
    return Habit("odd value", text, None, "nM")


def _read_odd_value(habit: Habit) -> Outcome:
    try:
        return Outcome("wrong", convert(habit.text, "KD", habit.about))
    except UnitError:
        return Outcome("refused")


def _nothing(rng: random.Random) -> Habit:
    return Habit("missing", rng.choice(MISSING), None)


def _read_nothing(habit: Habit) -> Outcome:
    chain = clean_antigen(habit.text)
    fields = (structure_id(habit.text)[0], reference(habit.text)[0], own_name(habit.text)[0])
    try:
        convert(habit.text, "KD", "nM", highest_molar=1e-5)
    except UnitError:
        pass
    else:
        return Outcome("wrong", "a value")
    missing = is_missing(habit.text) and chain.problem is not None and fields == (None, None, None)
    return Outcome("right" if missing else "wrong", (chain, fields))


def _unbound(rng: random.Random) -> Habit:
    top = rng.choice([1e-6, 1e-5, 5e-7])
    known = rng.random() < 0.5
    return Habit("no binding", rng.choice(NO_BINDING), top if known else None)


def _read_unbound(habit: Habit) -> Outcome:
    try:
        bounds = convert(habit.text, "KD", "nM", highest_molar=habit.meaning)
    except UnitError as error:
        names_option = "highest_concentration" in str(error)
        return Outcome("refused" if habit.meaning is None and names_option else "wrong", str(error))
    right = habit.meaning is not None and bounds.lower is None
    close = right and abs(bounds.upper + math.log10(habit.meaning)) < 1e-9
    return Outcome("right" if close else "wrong", bounds)


def _tested(rng: random.Random) -> Habit:
    """A cell without binding that says up to which concentration that was seen."""
    unit = rng.choice(["uM", "nM", "mM", "µM"])
    top = rng.choice([1, 5, 10, 100, 500])
    remark = rng.choice(["NB", "no binding", "N.B.", "non-binder", "no binding detected"])
    form = rng.choice(["{s} (>{n} {u})", "{s} ({n} {u})", "{s} at {n} {u}", "{s} up to {n} {u}",
                       "{s}, > {n} {u}", "{s} @ {n}{u}", "{s}; >={n}{u}"])  # fmt: skip
    return Habit(
        "tested", form.format(s=remark, n=top, u=unit), top * MOLAR[unit.replace("µ", "u")]
    )


def _read_tested(habit: Habit) -> Outcome:
    try:
        bounds = convert(habit.text, "KD", "nM")
    except UnitError:
        return Outcome("refused")
    close = bounds.lower is None and abs(bounds.upper + math.log10(habit.meaning)) < 1e-9
    return Outcome("right" if close else "wrong", bounds)


def _mutation(rng: random.Random) -> Habit:
    """One to three changes of a parent in a notation that people use, and their meaning."""
    wanted = {}
    for _ in range(rng.randint(1, 3)):
        chain = rng.choice("HHL")
        place = rng.randrange(len(PARENT[chain]))
        wanted[chain, place] = rng.choice([a for a in AMINO_ACIDS if a != PARENT[chain][place]])
    form = rng.choice(["{c}:{o}{p}{n}", "{c}{o}{p}{n}", "{c}_{o}{p}{n}", "V{c}-{o}{p}{n}",
                       "{o}{p}{n} ({c})", "{o}{p}{n}(V{c})", "{o}{c}{p}{n}", "{c}:{o}{p}→{n}",
                       "{o}{p}({c}){n}", "{c}:{l}{p}{m}", "{c}:p.{l}{p}{m}"])  # fmt: skip
    pieces = [
        form.format(c=c, o=PARENT[c][p], p=p + 1, n=n, l=_LONG[PARENT[c][p]], m=_LONG[n])
        for (c, p), n in wanted.items()
    ]
    text = rng.choice([";", ", ", " ", "/", "+", " and "]).join(pieces)
    text = rng.choice(["{}", "{}", "{}", "[{}]", " {} ", "{}\u200b"]).format(text)
    meaning = ";".join(f"{c}:{PARENT[c][p]}{p + 1}{n}" for (c, p), n in sorted(wanted.items()))
    return Habit("mutation", text, meaning)


def _odd_mutation(rng: random.Random) -> Habit:
    """Texts that name no change: dates, numbers, unknown residues of the parent, remarks."""
    place = rng.randrange(5, 110)
    residue = PARENT["H"][place]
    other = rng.choice([a for a in "ACDEFGHIKLMNPQRSTVWY" if a != residue])
    text = rng.choice(
        ["1-Mar", "25-Sep", "SEPT2", "3E10", "1.00E+10", "NA", "nan", "?", "n.d.", "DM1", "double",
         f"{residue}{place + 1}", f"{place + 1}{other}", f"{residue}{place + 1}{other}?",
         f"{residue}{place + 1}[{other}A]", f"A:{residue}{place + 1}{other}",
         f"{residue}{place + 1}{other}*", f"H:{residue}{place + 1}{other}{other}W",
         f"H:{residue}{place + 1}*", f"H:{other}{place + 1}{residue}"]
    )  # fmt: skip
    return Habit("odd mutation", text, None)


def _read_mutation(habit: Habit) -> Outcome:
    try:
        mutations = join_names(parse_mutations(habit.text, PARENT["H"], PARENT["L"]))
    except MutationError:
        return Outcome("refused")
    return Outcome("right" if mutations == habit.meaning else "wrong", mutations)


def _relation(rng: random.Random) -> Habit:
    text = rng.choice([*RELATIONS, "'='", '"<"', "NA", "less than", "perhaps", "+", "><"])
    meaning = {**RELATIONS, "'='": "=", '"<"': "<", "NA": "=", "less than": "<"}.get(text)
    return Habit("relation", text, meaning)


def _read_relation(habit: Habit) -> Outcome:
    try:
        relation = parse_relation(habit.text)
    except UnitError:
        return Outcome("refused")
    got = "=" if relation is None else relation.value
    return Outcome("right" if got == habit.meaning else "wrong", got)


# -- headers ---------------------------------------------------------------------------------------


def _header(rng: random.Random) -> Habit:
    """A header of an affinity: its quantity, a unit, and remarks, wherever people put them."""
    unit = rng.choice(list(MOLAR))
    shown = _unit_text(rng, unit)
    name = rng.choice(["KD", "Kd", "K_D", "kD", "KD app", "apparent KD", "mean KD", "Mean_KD",
                       "SPR KD", "KD (SPR)", "Affinity KD", "Dissociation constant", "KD value",
                       "Equilibrium dissociation constant", "KD_mean",
                       "Binding affinity KD"])  # fmt: skip
    form = rng.choice(["{n} ({u})", "{n} [{u}]", "{n}, {u}", "{n} / {u}", "{n}_{u}", "{n} {u}",
                       "{n}({u})", "{n} in {u}", "{n}..{u}.", "{n} ({u}, 25 °C)",
                       "{n} ({u}) (n=3)", "{n}: {u}", "{n} ({u}) ± SD", "{n} ({u}) at 37 °C",
                       "{n} (in {u})", "{n} [unit: {u}]", "{n} ({u}) pH 7.4", "{n} ({u}) n=3",
                       "{n} ({u})*"])  # fmt: skip
    return Habit("header", form.format(n=name, u=shown), ("KD", MOLAR[unit]))


def _p_header(rng: random.Random) -> Habit:
    """A p-scale, right, or with a unit that it cannot have."""
    name = rng.choice(["pKd", "pKD", "-log10(KD)", "−log10 KD", "pKd (M)", "-log10(KD/M)"])
    if rng.random() < 0.5:
        return Habit("log header", name, ("pKd", 1.0))
    unit = rng.choice(["nM", "uM", "pM"])
    form = rng.choice(["pKd ({u})", "pKd [{u}]", "pKD, {u}", "pKd_{u}"])
    return Habit("log header", form.format(u=unit), None)


def _log_header(rng: random.Random) -> Habit:
    unit = rng.choice(["M", "nM", "uM", "pM"])
    form = rng.choice(["log10(KD/{u})", "log10 KD ({u})", "logKD ({u})", "log10_KD_{u}"])
    minus = rng.random() < 0.4
    text = ("-" if minus else "") + form.format(u=unit)
    return Habit("log header", text, ("-log10" if minus else "log10", MOLAR[unit]))


def _read_header(habit: Habit) -> Outcome:
    header = read_value_header(habit.text)
    if header is None or header.unit is None or header.unread is not None:
        return Outcome("refused")
    quantity, scale = habit.meaning or (None, None)
    unit = parse_unit(header.unit)
    if habit.kind == "header":
        same = header.quantity == quantity and math.isclose(unit.scale, scale)
        return Outcome(
            "right" if same and unit.dimension.value == "concentration" else "wrong", header
        )
    kind = {"pKd": "-log10", "-log10": "-log10", "log10": "log10"}.get(quantity or "")
    same = kind is not None and unit.dimension.value.startswith(f"{kind} of")
    return Outcome("right" if same and math.isclose(unit.scale, scale) else "wrong", header)


def _rate(rng: random.Random) -> Habit:
    """Rate constants, deviations and other numbers that are no affinity."""
    on = rng.choice(["1/Ms", "M-1s-1", "M⁻¹s⁻¹", "1/(M s)", "M^-1 s^-1", "1/(M*s)", "L mol-1 s-1"])
    off = rng.choice(["1/s", "s-1", "s⁻¹", "s^-1", "sec-1", "1/min"])
    form = rng.choice(["{n} ({u})", "{n} [{u}]", "{n}({u})", "{n}, {u}", "{n} (10^{p} {u})",
                       "{n} (x10^{p} {u})"]).replace("{p}", str(rng.randint(-6, 6)))  # fmt: skip
    kind = rng.randrange(3)
    if kind == 0:
        return Habit("rate", form.format(n=rng.choice(["ka", "kon", "k_on", "Kon"]), u=on), "kon")
    if kind == 1:
        name = rng.choice(["kd", "koff", "k_off", "kdis", "kd"])
        return Habit("rate", form.format(n=name, u=off), "koff")
    other = ["KD SD (nM)", "KD error (nM)", "KD stdev", "Rmax (RU)", "Chi2 (RU²)", "KD n", "SE(KD)",
             "KD CI lower (nM)", "Conc. (nM)", "kon Error", "KD rank", "Full R^2", "ka error",
             "max concentration (nM)", "Temperature (°C)", "Tm (C)"]  # fmt: skip
    return Habit("rate", rng.choice(other), None)


def _read_rate(habit: Habit) -> Outcome:
    header, rate = read_value_header(habit.text), read_rate_header(habit.text)
    got = None if rate is None else rate.constant
    return Outcome("right" if header is None and got == habit.meaning else "wrong", (header, rate))


def _odd_unit(rng: random.Random) -> Habit:
    """Brackets that are no unit of an affinity."""
    unit = rng.choice(["nmol", "RU", "%", "nM/s", "mol", "ug", "nM·s", "kDa", "M s-1", "1/s", "x",
                       "Mol", "m", "mm", "10 nM", "100 nM", "log", "fold", "A.U.", "s",
                       "ng"])  # fmt: skip
    return Habit("odd unit", unit, None)


def _read_odd_unit(habit: Habit) -> Outcome:
    try:
        unit = parse_unit(habit.text)
        check_unit(Quantity.KD, unit)
    except UnitError:
        header = read_value_header(f"KD ({habit.text})")
        has_unit = header is not None and header.unit is not None
        return Outcome("wrong" if has_unit else "refused", header)
    return Outcome("wrong", unit)


def _temperature(rng: random.Random) -> Habit:
    number = rng.choice([25, 37, 20, 4, 298, 298.15, 310])
    kelvin = number + (273.15 if number < 100 else 0.0)
    mark = rng.choice([" °C", "°C", " C", "C", " ºC", " deg C", "℃"]) if number < 100 else " K"
    shown = f"{number}{mark}" if rng.random() < 0.7 else str(number)
    return Habit("temperature", shown, kelvin, rng.random() < 0.5)


def _read_temperature(habit: Habit) -> Outcome:
    bare = habit.text.replace(".", "").isdigit()
    got = temperature_kelvin(habit.text, celsius=habit.about)
    if got is None:
        return Outcome("refused")
    if bare and bool(habit.about) != (float(habit.text) < 100):
        return Outcome("wrong", got)
    return Outcome("right" if abs(got - habit.meaning) < 1e-9 else "wrong", got)


# -- names and chains ------------------------------------------------------------------------------


def _structure(rng: random.Random) -> Habit:
    code = rng.choice("123456789") + "".join(
        rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", k=3)
    )
    if rng.random() < 0.3:
        code = rng.choice("123456789") + "E" + f"{rng.randint(0, 99):02d}"
        value = float(code)
        text = rng.choice([f"{value:.2E}", f"{value:.0E}", code.lower(), code])
        return Habit("structure", text, code.lower())
    form = rng.choice(["{c}", "{l}", "{c}_AB_C", "{c}_H_L_A", "{c}:A", "{c}.pdb", "{l}.cif",
                       "PDB {c}", "PDB: {c}", " {c} ", "{c} (A,B)", "{c}-assembly1",
                       "pdb_0000{l}"])  # fmt: skip
    return Habit("structure", form.format(c=code, l=code.lower()), code.lower())


def _read_structure(habit: Habit) -> Outcome:
    code, flag = structure_id(habit.text)
    if code == habit.meaning:
        return Outcome("right")
    return Outcome("flagged" if code is None and flag else "wrong", (code, flag))


def _paper(rng: random.Random) -> Habit:
    number = rng.randint(1_000_000, 39_999_999)
    form = rng.choice(["{n}", "{n}.0", "PMID {n}", "PMID: {n}", "pubmed:{n}", "{e}"])
    return Habit("paper", form.format(n=number, e=f"{number:.2E}"), str(number))


def _read_paper(habit: Habit) -> Outcome:
    paper, flag = reference(habit.text)
    if paper == habit.meaning:
        return Outcome("right")
    return Outcome("flagged" if paper is None and flag else "wrong", (paper, flag))


def _peptide(rng: random.Random) -> str:
    return "".join(rng.choices(AMINO_ACIDS, k=rng.randint(9, 60)))


def _chain(rng: random.Random) -> Habit:
    """A chain in the spellings that people use; what was meant is its residues."""
    residues = _peptide(rng)
    head = rng.choice(["", "", "", "Ac-", "Biotin-", "H2N-", "FITC-", "Biotin-Ahx-", "(Ac)", "Ac "])
    tail = rng.choice(["", "", "", "-NH2", "-OH", "-amide", "-COOH"])
    if head or tail:
        return Habit("chain", f"{head}{residues}{tail}", residues)
    form = rng.randrange(5)
    if form == 0:
        blocks = [residues[i : i + 10] for i in range(0, len(residues), 10)]
        return Habit("chain", " ".join(blocks), residues)
    if form == 1:
        return Habit("chain", residues.lower(), residues)
    if form == 2:
        place = rng.randint(1, len(residues) - 1)
        mark = rng.choice(["nan", "NaN", "None", "null"])
        return Habit("chain", f"{residues[:place]}{mark}{residues[place:]}", None)
    return Habit("chain", residues, residues)


def _name(rng: random.Random) -> Habit:
    name = rng.choice(NAMES)
    name = rng.choice([name, name, name.upper(), name.lower(), name.title(), f" {name} "])
    if rng.random() < 0.2:
        form = rng.choice(["{s}-Fc", "GST-{s}", "Spike {s}", "human {s}", "{s}-HIS", "N-{s}-C",
                           "{s}-Avi", "MBP-{s}", "{s} scFv"])  # fmt: skip
        return Habit("name", form.format(s=_peptide(rng)), None)
    return Habit("name", name, None)


def _read_chain(habit: Habit) -> Outcome:
    chain = clean_antigen(habit.text)
    if chain.problem is not None:
        return Outcome("refused")
    if habit.meaning is not None and chain.sequence == habit.meaning:
        return Outcome("right")
    doubted = habit.meaning is None and "could_be_a_name" in chain.flags
    return Outcome("flagged" if doubted else "wrong", chain)


COLUMNS = {
    "heavy": ["heavy", "VH", "heavy chain", "VH sequence", "heavy chain sequence", "HC", "VHorVHH",
              "VHH", "heavy aa", "H chain", "nanobody sequence"],
    "light": ["light", "VL", "light chain", "VL sequence", "LC", "light chain sequence", "L chain"],
    "antigen": ["antigen", "antigen sequence", "Ag seq", "target sequence", "antigen chain"],
    "antibody_name": ["antibody", "clone", "name", "mAb", "antibody id", "clone id", "sample",
                      "sample id", "ID"],
    "antigen_name": ["antigen name", "target", "target name", "antigen id"],
    "structure_id": ["PDB", "PDB ID", "structure id", "#Pdb", "pdb code"],
    "reference": ["DOI", "PMID", "reference", "PubMed ID"],
    "relation": ["relation", "qualifier", "standard relation", "operator"],
    "temperature_kelvin": ["temperature (K)", "temp K", "T (K)"],
    "temperature_celsius": ["temperature (°C)", "temp C", "temperature Celsius"],
    "method": ["method", "technique", "assay method"],
    "mutations": ["mutations", "mutation"],
    None: ["notes", "comment", "plate", "well", "expression (mg/L)", "Tm", "isotype", "date",
           "heavy chain germline", "CDRH3", "V gene", "light chain type", "yield", "monomer %",
           "antigen concentration (nM)", "flow rate", "Rmax", "batch", "species", "format"],
}  # fmt: skip


def _column(rng: random.Random) -> Habit:
    """A name of a column in any case, with any mark between its words."""
    meaning = rng.choice(list(COLUMNS))
    name = rng.choice(COLUMNS[meaning])
    mark = rng.choice([" ", " ", "_", "-", ".", ""]) if "(" not in name else " "
    name = rng.choice([str.lower, str.upper, str.title, str])(name.replace(" ", mark))
    return Habit("column", rng.choice([name, name, f" {name} "]), meaning)


def _read_column(habit: Habit) -> Outcome:
    table = pl.DataFrame({habit.text: ["x"]})
    detected = detect_columns(table, (), (), with_values=True)
    got = next(iter(detected.columns), None)
    if got == habit.meaning:
        return Outcome("right")
    return Outcome("refused" if got is None or detected.problems else "wrong", detected)


_KINDS: dict[str, tuple[Callable[[random.Random], Habit], Callable[[Habit], Outcome]]] = {
    "value": (_value, _read_value),
    "thousands": (_thousands, _read_value),
    "odd value": (_odd_value, _read_odd_value),
    "missing": (_nothing, _read_nothing),
    "no binding": (_unbound, _read_unbound),
    "tested": (_tested, _read_tested),
    "mutation": (_mutation, _read_mutation),
    "odd mutation": (_odd_mutation, _read_mutation),
    "relation": (_relation, _read_relation),
    "header": (_header, _read_header),
    "p header": (_p_header, _read_header),
    "log header": (_log_header, _read_header),
    "rate": (_rate, _read_rate),
    "odd unit": (_odd_unit, _read_odd_unit),
    "temperature": (_temperature, _read_temperature),
    "structure": (_structure, _read_structure),
    "paper": (_paper, _read_paper),
    "chain": (_chain, _read_chain),
    "name": (_name, _read_chain),
    "column": (_column, _read_column),
}
