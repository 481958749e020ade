"""IMGT numbering of antibody chains."""

from abag.antibody.numbering.chains import clear_cache, number_chains
from abag.antibody.numbering.protocol import IMGT_REGIONS, NumberedDomain, Numberer

__all__ = ["IMGT_REGIONS", "NumberedDomain", "Numberer", "clear_cache", "number_chains"]
