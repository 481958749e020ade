"""The user's decisions where a file leaves a choice: chains of a structure or a cell, and so on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Self

from abag.errors import OptionError

_ROLES: Final = {"heavy": "heavy", "h": "heavy", "vhh": "heavy", "scfv": "heavy", "light": "light",
                 "l": "light", "antigen": "antigen", "ag": "antigen"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class ChainNames:
    """Names of the chains of one complex in a structure; an antigen may have none or several."""

    heavy: str
    light: str | None = None
    antigen: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``heavy=H,light=L,antigen=A,B`` (a VHH or scFv is the heavy chain).

        Raises:
            OptionError: another text, a chain named for two roles, or no heavy chain.
        """
        by_role: dict[str, list[str]] = {}
        role = ""
        for piece in text.replace(";", ",").split(","):
            key, sign, value = piece.rpartition("=")
            if sign:
                role = _ROLES.get(key.strip().lower(), "")
            if not role or not value.strip():
                raise _not_chains(text)
            by_role.setdefault(role, []).append(value.strip())
        several = [role for role in ("heavy", "light") if len(by_role.get(role, ())) > 1]
        everyone = [name for names in by_role.values() for name in names]
        if several or len(set(everyone)) < len(everyone) or "heavy" not in by_role:
            raise _not_chains(text)
        light = by_role.get("light")
        return cls(
            by_role["heavy"][0], light[0] if light else None, tuple(by_role.get("antigen", ()))
        )

    @classmethod
    def of_row(cls, heavy: str, light: str, antigen: str) -> Self | None:
        """Names in the cells of a table, the antigen's parted by ``|``; None without a heavy.

        An scFv is named as both chains, at times in lower case as the light one.
        """
        if not heavy:
            return None
        others = tuple(name.strip() for name in antigen.split("|") if name.strip())
        is_scfv = light.lower() == heavy.lower()
        return cls(heavy, None if is_scfv or not light else light, others)


def _not_chains(text: str) -> OptionError:
    return OptionError(
        f"--chains {text!r}: write one heavy chain (or VHH, or scFv), at most one light chain and "
        "the antigen's chains, each chain once, as in --chains heavy=H,light=L,antigen=A,B"
    )


@dataclass(frozen=True, slots=True)
class Choices:
    """The user's decisions on how a file of antibodies is read."""

    chains: ChainNames | None = None
    """For structures: which chain is which."""
    most_umis: bool = False
    """For cells with several heavy or light chains: take the one with the most UMIs."""
    arm: int | None = None
    """For constructs with several variable domains of a kind: the number of the domain, from 1."""
    parent: tuple[str, str | None] | None = None
    """For tables that give mutations alone: heavy and light chain of the parent."""
    numbering: str = "sequential"
    """Numbering of these mutations."""
    keep_faulty: bool = False
    """Whether rows whose mutations do not fit stay, each with its problem."""
