"""Identities and single-linkage clusters of antibodies and antigens; decides no split."""

from abag.data.similarity.antibodies import (
    CDR_THRESHOLD,
    CdrSet,
    antibody_clusters,
    cdr_sets,
)
from abag.data.similarity.antigens import (
    ANTIGEN_THRESHOLD,
    UNKNOWN_ANTIGEN,
    antigen_clusters,
    antigen_identities,
    chain_identity,
)

__all__ = [
    "ANTIGEN_THRESHOLD",
    "CDR_THRESHOLD",
    "UNKNOWN_ANTIGEN",
    "CdrSet",
    "antibody_clusters",
    "antigen_clusters",
    "antigen_identities",
    "cdr_sets",
    "chain_identity",
]
