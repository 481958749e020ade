"""A user's pairs, made ready for a model: each chain cleaned once, every fault named."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import polars as pl

from abag.errors import OptionError, Problem, SchemaError, SequenceError, TableError

if TYPE_CHECKING:
    from abag.data.chains import AntibodyCleaner
    from abag.data.formats.sheets.frames import Tabular

ROW: Final = "source_row"
ROW_PROBLEM: Final = "row_problem"
"""Column with the reason why a row of the file could not be read; see ``keep_faulty``."""
_TEXTS: Final = ("antibody_name", "antigen_name", "heavy", "light", "scfv")
_SHORT: Final = 8
"""A peptide epitope has about 8 residues or more."""
_LIKE_BASES: Final = r"^[ACGTUN]{8,29}$"
"""Longer chains of these letters are refused as nucleotides; a short one may be a peptide."""
_CHAINS: Final = pl.List(pl.String())
_FEWEST: Final = 8
"""From so many antibodies a table may be a library."""
_SAME_LENGTH: Final = 0.8
_VARIED: Final = 0.25
"""A library's rows differ from its commonest residues in fewer than this share of the residues."""
_NAMES_A_FILE: Final = re.compile(r"\.(?:fa|fasta|faa|txt)(?:\.gz)?$|[\\/]", re.IGNORECASE)
KEEP_GOING: Final = (
    "Correct these rows, or write them without a value, with their reason (--keep-going)."
)


def one_pair(heavy: str, light: str | None, antigen: str | Sequence[str]) -> pl.DataFrame:
    """A table of one pair; ``heavy`` may be a whole scFv.

    Raises:
        SequenceError: a chain is no text.
    """
    several = isinstance(antigen, Iterable) and not isinstance(antigen, str)
    chains = list(antigen) if several else [antigen] if antigen is not None else []
    optional = [
        (name, chain) for name, chain in (("heavy", heavy), ("light", light)) if chain is not None
    ]
    for name, chain in [*optional, *(("antigen", chain) for chain in chains)]:
        if not isinstance(chain, str):
            raise SequenceError(
                f"the {name} chain is {chain!r:.60} ({type(chain).__name__}); give it as text in "
                "one-letter code"
            )
    return normalised(
        pl.DataFrame(
            {"heavy": [heavy], "light": [light], "antigen": [chains]},
            schema={"heavy": pl.String(), "light": pl.String(), "antigen": _CHAINS},
        )
    )


def normalised(table: Tabular) -> pl.DataFrame:
    """Give a table of pairs all columns that cleaning needs.

    Takes a polars (lazy, too) or pandas frame, an Arrow table or a list of dictionaries. Needs
    ``heavy`` (or ``scfv``) and ``antigen`` (a list of chains, or one text), by these or by any
    usual names (``VH``, ``Light chain``); rows are numbered from 1 where ``source_row`` is absent.

    Raises:
        SchemaError: it is no table, or a needed column is missing.
    """
    if not isinstance(table, pl.DataFrame):
        from abag.data.formats.sheets.frames import polars_frame

        table = polars_frame(table)
    frame: pl.DataFrame = table
    if "antigen" not in frame.columns or not {"heavy", "scfv"} & set(frame.columns):
        return normalised(_by_usual_names(frame))
    if ROW not in frame.columns:
        frame = frame.with_row_index(ROW, offset=1)
    antigen = pl.col("antigen")
    if frame.schema["antigen"] == pl.String():
        antigen = pl.concat_list(antigen)
    texts = [
        (pl.col(name) if name in frame.columns else pl.lit(None)).cast(pl.String).alias(name)
        for name in _TEXTS
    ]
    flags = (pl.col("flags") if "flags" in frame.columns else pl.lit([])).cast(_CHAINS)
    row_problem = [ROW_PROBLEM] if ROW_PROBLEM in frame.columns else []
    return frame.select(
        pl.col(ROW).cast(pl.Int64),
        *texts,
        antigen.cast(_CHAINS),
        flags.alias("flags"),
        *row_problem,
    )


def _by_usual_names(frame: pl.DataFrame) -> pl.DataFrame:
    """Pairs of a table in memory, with its columns recognised by name as in a file."""
    from abag.data.formats.columns import pairs_of_table
    from abag.data.formats.mapping import ColumnMapping
    from abag.data.formats.selection import consider_columns
    from abag.data.formats.sheets.frames import as_text

    if frame.width and frame.height:
        table = as_text(frame)
        chosen, problems = consider_columns(table, ColumnMapping(), with_values=False)
        if not problems:
            return pairs_of_table(table, chosen, ColumnMapping())
        reasons = f" ({'; '.join(map(str, problems))})"
    else:
        reasons = ""
    raise SchemaError(
        "a table of pairs needs the columns 'heavy' (or 'scfv') and 'antigen', and may have "
        f"'light'; it has {', '.join(frame.columns) or 'none'}{reasons}"
    )


def cleaned(pairs: pl.DataFrame, cleaner: AntibodyCleaner | None = None) -> pl.DataFrame:
    """Clean a table from :func:`normalised` or of a file of pairs, in its order.

    Returns ``source_row``, names, cleaned ``heavy``, ``light`` and ``antigen``, ``flags`` (list of
    text) and ``problem`` (text; null where the row can be predicted).
    """
    from abag.data.chains import clean_pairs

    flagged = pairs if "flags" in pairs.columns else pairs.with_columns(flags=pl.lit([], _CHAINS))
    row_problem = pl.col(ROW_PROBLEM) if ROW_PROBLEM in flagged.columns else pl.lit(None, pl.String)
    frame = clean_pairs(flagged, cleaner)
    frame = frame.with_columns(problem=pl.coalesce(row_problem, "chain_problem")).drop(
        "chain_problem", ROW_PROBLEM, strict=False
    )
    raised = [
        pl.when(condition & pl.col("problem").is_null()).then(pl.lit(flag))
        for flag, condition in _doubts().items()
    ]
    return frame.with_columns(
        flags=pl.concat_list(
            pl.col("flags").fill_null([]), pl.col("chain_flags").fill_null([]), *raised
        )
        .list.drop_nulls()
        .list.unique(maintain_order=True)
    ).drop("chain_flags")


def _doubts() -> dict[str, pl.Expr]:
    """Flag and condition, over cleaned pairs, of inputs that are possible but often a mistake."""
    chain = pl.element()
    chains = pl.col("antigen").list
    antibody_as_antigen = pl.any_horizontal(
        chains.contains(pl.col(name)).fill_null(False) for name in ("heavy", "light")
    )
    return {
        "light_missing": pl.col("light").is_null(),
        "antigen_very_short": chains.eval(chain.str.len_chars() < _SHORT).list.any(),
        "antigen_could_be_nucleotides": chains.eval(chain.str.contains(_LIKE_BASES)).list.any(),
        "antigen_is_the_antibody": antibody_as_antigen,
    }


def refuse_problems(frame: pl.DataFrame, path: Path | str) -> None:
    """Raise :class:`TableError` with every problem row at once, if there is one."""
    faulty = frame.filter(pl.col("problem").is_not_null())
    problems = [
        Problem(row, None, reason) for row, reason in faulty.select(ROW, "problem").iter_rows()
    ]
    if problems:
        raise TableError(path, problems, KEEP_GOING)


def library_parent(pairs: pl.DataFrame) -> tuple[str, str | None] | None:
    """The commonest residues of a table that is plainly a library of one antibody, else None.

    ``pairs`` are cleaned rows. Plain means: eight antibodies or more, four of five with chains of
    the same length, and each close to the commonest residues.
    """
    if pairs["heavy"].null_count():
        return None
    antibodies = pairs.select("heavy", pl.col("light").fill_null("")).unique(maintain_order=True)
    if antibodies.height < _FEWEST:
        return None
    chains = []
    for column in ("heavy", "light"):
        lengths = antibodies[column].str.len_chars()
        common_length = int(lengths.mode().sort()[0])
        same_length = antibodies[column].filter(lengths == common_length).to_list()
        if len(same_length) < _SAME_LENGTH * antibodies.height:
            return None
        consensus = _commonest(same_length)
        distant = sum(
            _differences(chain, consensus) > _VARIED * max(common_length, 1)
            for chain in same_length
        )
        if distant > (1.0 - _SAME_LENGTH) * len(same_length):
            return None
        chains.append(consensus)
    return chains[0], chains[1] or None


def _commonest(chains: Sequence[str]) -> str:
    return "".join(
        max(sorted(set(column)), key=column.count) for column in zip(*chains, strict=True)
    )


def _differences(first: str, second: str) -> int:
    return sum(a != b for a, b in zip(first, second, strict=True))


def given_antigen(texts: Sequence[str]) -> list[str]:
    """Chains of one antigen that a user gives as letters, or as FASTA files of it.

    Raises:
        MissingFileError: a text that names a file which is not there.
        OptionError: a file with several antigens.
    """
    chains: list[str] = []
    for text in texts:
        path = Path(text)
        if text.strip().isalpha() and not _is_file(path):
            chains.append(text)
            continue
        if not _is_file(path) and not _NAMES_A_FILE.search(text):
            chains.append(text)  # refused later, as a chain
            continue
        antigens = _antigens_in(path)
        if len(antigens) > 1:
            raise OptionError(
                f"{path} has {len(antigens)} antigens ({', '.join(list(antigens)[:4])}); give a "
                "file with one, several chains of it joined by / in one record"
            )
        chains += next(iter(antigens.values()))
    return chains


def given_antigens(texts: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Antigens by name, each text the letters of one, or a FASTA file of one or several.

    Raises:
        MissingFileError: a text that names a file which is not there.
        OptionError: two antigens of one name.
    """
    antigens: list[tuple[str, tuple[str, ...]]] = []
    for number, text in enumerate(texts, start=1):
        path = Path(text)
        if _is_file(path) or _NAMES_A_FILE.search(text):
            antigens += _antigens_in(path).items()
        else:
            antigens.append((f"antigen {number}", (text,)))
    names = [name for name, _ in antigens]
    if doubles := sorted({name for name in names if names.count(name) > 1}):
        raise OptionError(f"two antigens have the name {doubles[0]}; give each its own")
    return dict(antigens)


def _antigens_in(path: Path) -> dict[str, tuple[str, ...]]:
    from abag.data.formats.sequences.fasta import read_antigens

    return read_antigens(path)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a chain is longer than the name of a file may be
        return False
