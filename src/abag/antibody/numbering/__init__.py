"""IMGT numbering of antibody chains."""

from abag.antibody.numbering.chains import (
    clear_cache,
    first_domain,
    number_chains,
    numbered_ahead,
    resembles_a_domain,
)
from abag.antibody.numbering.protocol import IMGT_REGIONS, NumberedDomain, Numberer

__all__ = [
    "IMGT_REGIONS",
    "NumberedDomain",
    "Numberer",
    "clear_cache",
    "first_domain",
    "number_chains",
    "numbered_ahead",
    "resembles_a_domain",
]
