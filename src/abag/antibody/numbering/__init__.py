"""IMGT numbering of antibody chains."""

from abag.antibody.numbering.chains import (
    clear_cache,
    first_domain,
    number_chains,
    numbered_ahead,
    resembles_a_domain,
)
from abag.antibody.numbering.domains import IMGT_REGIONS, NumberedDomain

__all__ = [
    "IMGT_REGIONS",
    "NumberedDomain",
    "clear_cache",
    "first_domain",
    "number_chains",
    "numbered_ahead",
    "resembles_a_domain",
]
