"""``abag embed``: residue embeddings of a file's antibodies and antigens into a store."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Literal

from cyclopts import Parameter

from abag.apps.cli import emit, tell
from abag.apps.cli.options.reading import AS_IT_IS, FileChoices
from abag.engines import ANYWHERE, Here, WorkPlace

if TYPE_CHECKING:
    from abag.encoders.molecules import EmbeddedFile
    from abag.encoders.protocol import Encoder
    from abag.encoders.workers import EncoderChoice, Workers


@dataclass(frozen=True)
class EncoderOrigin:
    """Where an encoder comes from, and its arithmetic."""

    folder: Path | None = None
    """Where the encoder's files lie, instead of the hub."""
    adapter: Path | None = None
    """Folder of a LoRA adapter; its embeddings are kept apart."""
    local_files_only: Annotated[bool, Parameter(negative=())] = False
    """Never ask the hub."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """Arithmetic of the encoder; auto is bf16 where the hardware has units for it."""


AS_PUBLISHED: Final = EncoderOrigin()


def embed(
    table: Path,
    *,
    store: Path,
    encoder: str = "builtin",
    map: Annotated[list[str] | None, Parameter(negative=())] = None,  # noqa: A002
    antigen: Annotated[list[str] | None, Parameter(negative=())] = None,
    file_choices: Annotated[FileChoices, Parameter(name="*")] = AS_IT_IS,
    role: Annotated[list[Literal["antibody", "antigen"]] | None, Parameter(negative=())] = None,
    storage: Literal["fp32", "bf16", "int8"] = "bf16",
    device: Annotated[list[str] | None, Parameter(negative=())] = None,
    opened: Annotated[EncoderOrigin, Parameter(name="*")] = AS_PUBLISHED,
    budget: int | None = None,
    long: Literal["windows", "refuse"] = "windows",
    compile: Annotated[bool, Parameter(negative=())] = False,  # noqa: A002
    where_done: Annotated[WorkPlace, Parameter(name="*")] = ANYWHERE,
    json: Annotated[bool, Parameter(negative=())] = False,
) -> None:
    """Embed the antibodies and antigens of a file; each distinct one is encoded once.

    What the store has is not encoded again, so the command goes on after a stop.

    Args:
        table: canonical table (Parquet), or pairs as `abag predict` reads them.
        store: folder of the store; several encoders may share one.
        encoder: builtin, a name such as esm2-650m or igt5, or hf:owner/name.
        map: for pairs, heavy=VH and the like; repeat it for several columns.
        antigen: antigen chain or FASTA file, for files that name none; repeat it for several.
        file_choices: options for files that leave a choice.
        role: antibody or antigen alone; by default all that the encoder was trained on.
        storage: number format of the stored rows.
        device: auto, cpu, cuda:0 and so on; repeat it for several, or all-cuda.
        opened: where the encoder comes from.
        budget: padded residues in a batch; halved by itself where the memory runs out.
        long: join windows of chains longer than the encoder reads, or refuse them.
        compile: compile the network first; pays for large files.
        where_done: who encodes; this process writes the store.
        json: print one JSON object.
    """
    from abag.encoders.molecules import embed_file
    from abag.encoders.protocol import LongChain, Role
    from abag.encoders.workers import EncoderChoice
    from abag.inference.inputs import given_antigen

    choice = EncoderChoice(encoder, LongChain(long), compile, tuple(asdict(opened).items()))
    open_encoders, workers = _encoding(choice, where_done, device or ["auto"])
    with _notes():
        embedded = embed_file(
            table, open_encoders, store,
            mapping=map or (),
            antigen=given_antigen(antigen or []),
            choices=file_choices.choices(),
            storage=storage,
            roles=[Role(name) for name in role] if role else None,
            budget=budget,
            workers=workers,
        )  # fmt: skip
    content = {**asdict(embedded), "room": str(embedded.room), "encoder": encoder}
    content["found"] = content.pop("from_store")
    emit(content, _text(embedded, encoder), json)


def _encoding(
    choice: EncoderChoice, where: WorkPlace, devices: list[str]
) -> tuple[Callable[[], list[Encoder]], Workers | None]:
    """How this process opens encoders, and the workers that encode in its place, if any."""
    from abag.encoders.devices import on_devices
    from abag.encoders.workers import Workers
    from abag.errors import OptionError

    engine = where.engine(gpus=1.0 if devices[0].startswith("cuda") else 0.0)
    if isinstance(engine, Here):
        return lambda: on_devices(choice.open, devices), None
    if len(devices) > 1 or devices[0] == "all-cuda":
        raise OptionError(
            "--device: with --ray or --processes each worker has one device; give cpu, or cuda for "
            "a GPU each"
        )
    return lambda: on_devices(choice.open, ["cpu"]), Workers(engine, choice, devices[0])


def _text(embedded: EmbeddedFile, encoder: str) -> str:
    from abag.errors import counted

    text = (
        f"{embedded.rows} rows, {embedded.molecules} molecules: {embedded.encoded} distinct ones "
        f"encoded, {embedded.from_store} found in {embedded.room}"
    )
    if aside := len(embedded.left_out):
        text += (
            f"\n{counted(embedded.rows, 'pair')} kept, {counted(aside, 'row')} of the file left out"
        )
    for reason in embedded.left_out:
        text += f"\nleft out: {reason}"
    if embedded.without_antigen:
        text += f"\n{counted(embedded.without_antigen, 'row')} without an antigen sequence"
    if embedded.windowed:
        text += (
            f"\n{embedded.windowed} molecules are longer than {encoder} reads; joined from windows"
        )
    return text


@contextmanager
def _notes() -> Iterator[None]:
    """Show warnings of the molecules as plain lines, without the line of code that warns."""
    from abag.encoders.guard import AntibodyAsAntigenWarning

    with warnings.catch_warnings():
        plain = warnings.showwarning

        def show(message: Warning | str, category: type[Warning], *location: object) -> None:
            if issubclass(category, AntibodyAsAntigenWarning):
                tell(f"abag: note: {message}")
            else:
                plain(message, category, *location)  # type: ignore[arg-type]

        warnings.showwarning = show  # type: ignore[assignment]
        warnings.simplefilter("always", AntibodyAsAntigenWarning)
        yield
