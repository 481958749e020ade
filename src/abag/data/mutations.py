"""The former name of :mod:`abag.antibody.mutations`, for code that imports it from here."""

from abag.antibody.mutations import (
    Mutation,
    apply_mutations,
    find_mutations,
    fitting_numberings,
    join_names,
    name_of,
    parse_mutations,
)

__all__ = [
    "Mutation",
    "apply_mutations",
    "find_mutations",
    "fitting_numberings",
    "join_names",
    "name_of",
    "parse_mutations",
]
