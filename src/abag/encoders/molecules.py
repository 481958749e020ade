"""From a user's file to molecules, their embeddings, and the store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from abag.data.tables import SCHEMA, require_columns
from abag.encoders.batching import require_budget
from abag.encoders.guard import warn_if_antibody
from abag.encoders.protocol import Encoder, Molecule, Role
from abag.encoders.service import embed
from abag.encoders.storage.quantise import Storage
from abag.encoders.storage.store import EmbeddingStore, require_store_folder
from abag.encoders.workers import Workers
from abag.errors import EncoderError, Problem, TableError
from abag.files import read_parquet

if TYPE_CHECKING:
    from abag.data.formats import Choices


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """Result of embedding a file."""

    rows: int
    molecules: int
    """Antibodies and antigens over all rows, repeats included."""
    encoded: int
    """Distinct molecules (chains, for an encoder that reads them one by one) encoded now."""
    from_store: int
    """Those that the store had."""
    windowed: int
    """Molecules longer than the encoder's limit, joined from windows."""
    room: Path
    without_antigen: int = 0
    """Rows without an antigen chain, where antigens are embedded."""
    antibodies_as_antigens: tuple[str, ...] = ()
    """Antigen chains that are mostly antibody variable domain, once each."""
    left_out: tuple[str, ...] = ()
    """Rows of the file that are in no antibody (an AIRR row without its partner), and why."""


def embed_file(
    path: Path,
    open_encoders: Callable[[], Sequence[Encoder]],
    store: Path,
    *,
    mapping: Sequence[str] = (),
    antigen: Sequence[str] = (),
    choices: Choices | None = None,
    storage: Storage | str = Storage.BF16,
    roles: Collection[Role] | None = None,
    budget: int | None = None,
    workers: Workers | None = None,
) -> EmbeddedFile:
    """Embed the antibodies and antigens of a file into a store; what it has is not encoded again.

    Args:
        path: a canonical table (Parquet), or pairs in any form that ``abag predict`` reads.
        open_encoders: gives one encoder, or one for each device; called once the file is read.
        store: folder of the store; it is made where there is none.
        storage: number format of the stored rows.
        mapping: for pairs, ``heavy=VH`` and the like.
        antigen: antigen chains for every pair of a file that names none.
        choices: what the user decides where a file leaves a choice.
        roles: antibodies, antigens or both; by default those the encoder was trained on.
        budget: padded residues in a batch.
        workers: who encodes instead of this process.

    Raises:
        TableError: for rows whose chains cannot be read; all are named.
        EncoderError: for a role the encoder does not take.
        FileFormatError: for a store folder that holds other files.
        OptionError: for a budget below 1.

    Warns:
        AntibodyAsAntigenWarning: for antigens that are antibody domains; they are embedded all
            the same.
    """
    require_budget(budget)
    require_store_folder(store)
    table, left_out = read_chains(path, mapping, antigen, choices)
    encoders = open_encoders()
    wanted = _roles_to_embed(encoders[0], roles)
    molecules = molecules_of(table, wanted)
    misplaced = warn_if_antibody(molecules)
    room = EmbeddingStore.for_encoder(store, encoders[0], storage)
    result = embed(molecules, encoders, room, budget=budget, workers=workers)
    return EmbeddedFile(
        rows=table.height,
        molecules=len(molecules),
        encoded=result.encoded,
        from_store=result.from_store,
        windowed=sum(result.windowed(i) for i in range(len(result))),
        room=room.room,
        without_antigen=_without_antigen(table) if Role.ANTIGEN in wanted else 0,
        antibodies_as_antigens=tuple(misplaced),
        left_out=left_out,
    )


def _roles_to_embed(encoder: Encoder, roles: Collection[Role] | None) -> frozenset[Role]:
    """The roles to embed: those given, else those that the encoder was trained on."""
    facts = encoder.facts
    wanted = frozenset(roles or facts.roles)
    if foreign := sorted(role.value for role in wanted - facts.roles):
        raise EncoderError(
            f"{facts.id} does not encode {' or '.join(foreign)} chains; choose another encoder, or "
            f"--role {' '.join(sorted(facts.roles))}"
        )
    return wanted


def _without_antigen(table: pl.DataFrame) -> int:
    return table.filter(pl.col("antigen").list.len().fill_null(0) == 0).height


def read_chains(
    path: Path,
    mapping: Sequence[str] = (),
    antigen: Sequence[str] = (),
    choices: Choices | None = None,
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Columns ``heavy``, ``light`` and ``antigen`` (a list) of a canonical table or of pairs.

    Beside them, the problems of rows that are in no pair.

    Raises:
        TableError: for pairs whose chains cannot be read; every row is named.
    """
    if path.suffix == ".parquet" and path.is_file():
        table, _ = read_parquet(path)
        if set(SCHEMA) <= set(table.columns):
            require_columns(table, ["heavy", "light", "antigen"], str(path))
            return table.select("heavy", "light", "antigen"), ()
    from abag.data.chains import clean_pairs
    from abag.data.formats.reading import read_pairs

    pairs = read_pairs(path, mapping, antigen, choices, antigen_unknown=not antigen)
    cleaned = clean_pairs(pairs.frame)
    problems = [
        Problem(row, None, reason)
        for row, reason in cleaned.filter(pl.col("chain_problem").is_not_null())
        .select("source_row", "chain_problem")
        .iter_rows()
    ]
    if problems:
        raise TableError(path, problems, "mend or remove these rows, and embed again")
    return cleaned.select("heavy", "light", "antigen"), tuple(map(str, pairs.problems))


def molecules_of(table: pl.DataFrame, roles: Collection[Role]) -> list[Molecule]:
    """Every antibody and every antigen chain of a table, row by row, repeats included."""
    molecules: list[Molecule] = []
    for heavy, light, antigen in table.select("heavy", "light", "antigen").iter_rows():
        if Role.ANTIBODY in roles and (heavy or light):
            molecules.append(Molecule(Role.ANTIBODY, tuple(c for c in (heavy, light) if c)))
        if Role.ANTIGEN in roles:
            molecules += [Molecule(Role.ANTIGEN, (chain,)) for chain in antigen or ()]
    return molecules
