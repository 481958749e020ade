"""IMGT numbering of antibody chains."""

from abag.data.numbering.protocol import IMGT_REGIONS, NumberedDomain, Numberer

__all__ = ["IMGT_REGIONS", "NumberedDomain", "Numberer"]
