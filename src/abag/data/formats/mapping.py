"""A user's mapping of a table: its columns, and values that hold for every row."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from abag.data.formats.numbers.cell_texts import molar
from abag.errors import OptionError, UnitError


class Constants(BaseModel):
    """Values that hold for every row, for columns that the table does not have."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    antigen: tuple[str, ...] = Field(default=(), description="Antigen chains, one-letter code.")
    antigen_name: str | None = Field(default=None, description="Name of the antigen.")
    quantity: str | None = Field(default=None, description="KD, KA, dG, ddG, IC50, EC50 and so on.")
    unit: str | None = Field(default=None, description="Unit of the values, for example nM.")
    assay: str | None = Field(default=None, description="Assay; by default the name of the file.")
    temperature_kelvin: float | None = Field(default=None, description="Temperature, kelvin.")
    temperature_celsius: float | None = Field(
        default=None, description="Temperature, degrees Celsius."
    )
    molar_mass_g_per_mol: float | None = Field(default=None, description="For units such as ug/mL.")
    highest_concentration: str | None = Field(
        default=None,
        description="Highest concentration tested, with its unit, for cells without binding.",
    )
    decimal: Literal["point", "comma"] | None = Field(
        default=None, description="Decimal sign of the numbers: point (the default) or comma."
    )
    encoding: str | None = Field(
        default=None, description="Encoding of the text, for example cp1252; by default UTF-8."
    )
    sheet: str | None = Field(default=None, description="Sheet of an Excel workbook.")
    hidden: Literal["read", "skip"] | None = Field(
        default=None, description="Hidden rows and columns of a workbook: read (the default), skip."
    )
    header_unit: str | None = Field(
        default=None, description="What the header writes for --unit where it is no unit (nmol)."
    )
    method: str | None = Field(default=None, description="SPR, BLI, ITC and so on.")
    structure_id: str | None = Field(default=None, description="PDB code of the complex.")
    reference: str | None = Field(default=None, description="DOI or PubMed id.")
    licence: str | None = Field(
        default=None, description="Licence of the rows; by default own-data."
    )

    @field_validator("highest_concentration")
    @classmethod
    def _is_concentration(cls, text: str | None) -> str | None:
        try:
            molar(text, None)
        except UnitError as error:
            raise ValueError(str(error)) from None
        return text

    @property
    def reading(self) -> dict[str, str | None]:
        """The options of :func:`abag.data.formats.read_table`."""
        return {"encoding": self.encoding, "sheet": self.sheet, "hidden": self.hidden}

    @property
    def highest_molar(self) -> float | None:
        """The highest concentration tested, in mol/L."""
        return molar(self.highest_concentration, None)


class ColumnMapping(BaseModel):
    """Names of the user's columns; those left out are found by usual names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    heavy: str | None = Field(default=None, description="Heavy chain or VHH.")
    light: str | None = Field(default=None, description="Light chain.")
    scfv: str | None = Field(default=None, description="Single chain with both variable domains.")
    antigen: tuple[str, ...] = Field(
        default=(), description="Antigen; chains joined by | / : ; or a comma."
    )
    quantity: str | None = Field(default=None, description="Column that names the quantity.")
    value: str | None = Field(default=None, description="Column of the measured values.")
    unit: str | None = Field(default=None, description="Column that names the unit.")
    relation: str | None = Field(default=None, description="Column of =, <, > or ~.")
    assay: str | None = Field(default=None, description="Values compare inside one assay.")
    antibody_name: str | None = Field(default=None, description="Name of the antibody.")
    antigen_name: str | None = Field(default=None, description="Name of the antigen.")
    mutations: str | None = Field(default=None, description="Changes from the parent.")
    temperature_kelvin: str | None = Field(default=None, description="Temperature, kelvin.")
    temperature_celsius: str | None = Field(
        default=None, description="Temperature, degrees Celsius."
    )
    molar_mass_g_per_mol: str | None = Field(default=None, description="Molar mass, g/mol.")
    highest_concentration: str | None = Field(
        default=None, description="Highest concentration tested, with its unit."
    )
    method: str | None = Field(default=None, description="SPR, BLI, ITC and so on.")
    structure_id: str | None = Field(default=None, description="PDB code of the complex.")
    reference: str | None = Field(default=None, description="DOI or PubMed id.")
    licence: str | None = Field(default=None, description="Licence of the row.")
    ignore: tuple[str, ...] = Field(default=(), description="Columns that are not to be used.")
    antigen_unknown: bool = Field(default=False, description="Accept a table without any antigen.")
    constants: Constants = Field(default=Constants(), description="Values for every row.")

    def columns(self) -> dict[str, tuple[str, ...]]:
        """The user's column name(s) of each raw column that is mapped."""
        mapped = {f: getattr(self, f) for f in COLUMN_FIELDS if getattr(self, f)}
        return {f: (n,) if isinstance(n, str) else tuple(n) for f, n in mapped.items()}


COLUMN_FIELDS: Final = tuple(
    name
    for name in ColumnMapping.model_fields
    if name not in ("ignore", "antigen_unknown", "constants")
)


def mapping_from_texts(
    texts: Sequence[str] = (), *, unit: str | None = None, quantity: str | None = None
) -> ColumnMapping:
    """Read ``heavy=VH`` (a column) and ``assay:=run7`` (a value for every row).

    ``antigen`` and ``ignore`` may occur several times. Raises :class:`OptionError` for an unknown
    name.
    """
    fields: dict[str, Any] = {}
    constants: dict[str, Any] = {"unit": unit, "quantity": quantity}
    for text in texts:
        name, sign, value = text.partition("=")
        constant = name.endswith(":")
        name, value = name.removesuffix(":").strip().lower(), value.strip()
        if not (sign and name and value):
            raise OptionError(f"{text!r} is not column=header, for example heavy=VH")
        settable = Constants.model_fields if constant else ColumnMapping.model_fields
        if constant and name == "antigen_unknown":
            fields[name] = value
            continue
        if name not in settable or name in ("constants", "antigen_unknown"):
            raise OptionError(_unknown_field(text, name, constant, list(settable)))
        into = constants if constant else fields
        if name in ("antigen", "ignore"):
            into[name] = (*into.get(name, ()), value)
        elif into.get(name) is not None:
            raise OptionError(f"{name} is given twice: {into[name]!r} and {value!r}")
        else:
            into[name] = value
    if constants.get("decimal") == "comma" and (top := constants.get("highest_concentration")):
        constants["highest_concentration"] = top.replace(",", ".")
    try:
        return ColumnMapping(**fields, constants=Constants(**constants))
    except ValidationError as error:
        faults = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()]
        raise OptionError("; ".join(faults)) from None


def _unknown_field(text: str, name: str, constant: bool, settable: Sequence[str]) -> str:
    names = [n for n in settable if n not in ("constants", "antigen_unknown")]
    close = get_close_matches(name, names, n=1)
    suggestion = f"did you mean {close[0]!r}? " if close else ""
    intro = "a value for every row can be given for" if constant else "known are"
    return f"{text!r}: unknown column {name!r}; {suggestion}{intro} {', '.join(names)}"
