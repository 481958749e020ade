"""ProteinMPNN: residues of a backbone pass messages to their 48 nearest (Dauparas et al., 2022).

Our own forward pass over the published weights. Edges carry 25 distances between backbone atoms
and how far apart two residues stand in their chain. The decoder answers one question: which residue
stands at i when all the others are known. So i is decoded last, in a fixed random order of
the others, and each layer is computed for the residues that reach i through the layers after it.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional

LETTERS: Final = "ACDEFGHIKLMNPQRSTVWYX"
"""Residues in the order of the network's columns."""
ATOMS: Final = ("N", "CA", "C", "O")

_WIDTH: Final = 128
_NEIGHBOURS: Final = 48
_SCALE: Final = 30.0
"""Messages are summed and divided by this."""
_FARTHEST: Final = 32
"""Residues apart in one chain, at most; another chain has a code of its own."""
_FIRST_ANGSTROM, _LAST_ANGSTROM, _BINS = 2.0, 22.0, 16
_N, _CA, _C, _O, _CB = range(5)
_PAIRS: Final = (
    (_CA, _CA), (_N, _N), (_C, _C), (_O, _O), (_CB, _CB), (_CA, _N), (_CA, _C), (_CA, _O),
    (_CA, _CB), (_N, _C), (_N, _O), (_N, _CB), (_CB, _C), (_CB, _O), (_O, _C), (_N, _CA),
    (_C, _CA), (_O, _CA), (_CB, _CA), (_C, _N), (_O, _N), (_CB, _N), (_C, _CB), (_O, _CB),
    (_C, _O),
)  # fmt: skip
"""Pairs of atoms in the order of the edge features' weights."""


class EncodedComplex(NamedTuple):
    """A complex after the encoder."""

    nodes: Float[Tensor, "residues width"]
    neighbours: Int64[Tensor, "residues neighbours"]
    edge_parts: tuple[Float[Tensor, "residues neighbours width"], ...]
    """What the edges add to the messages of each layer of the decoder."""


class _Relative(nn.Module):
    """Embedding of how far apart two residues stand."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * _FARTHEST + 2, 16)

    def forward(
        self,
        places: Int64[Tensor, " residues"],
        chains: Int64[Tensor, " residues"],
        neighbours: Int64[Tensor, "residues neighbours"],
    ) -> Float[Tensor, "residues neighbours 16"]:
        offset = (places[:, None] - places[neighbours]).clamp(-_FARTHEST, _FARTHEST) + _FARTHEST
        same = chains[:, None] == chains[neighbours]
        code = torch.where(same, offset, 2 * _FARTHEST + 1)
        return self.linear(functional.one_hot(code, 2 * _FARTHEST + 2).float())  # type: ignore[no-any-return]


class _Features(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embeddings = _Relative()
        self.edge_embedding = nn.Linear(16 + _BINS * len(_PAIRS), _WIDTH, bias=False)
        self.norm_edges = nn.LayerNorm(_WIDTH)


class _FeedForward(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.W_in, self.W_out = nn.Linear(_WIDTH, 4 * _WIDTH), nn.Linear(4 * _WIDTH, _WIDTH)

    def forward(self, nodes: Float[Tensor, "residues width"]) -> Float[Tensor, "residues width"]:
        return self.W_out(functional.gelu(self.W_in(nodes)))  # type: ignore[no-any-return]


class _Layer(nn.Module):
    """One round of messages; the weights' names are the published ones."""

    def __init__(self, parts: int) -> None:
        super().__init__()
        self.W1 = nn.Linear(parts * _WIDTH, _WIDTH)
        self.W2, self.W3 = nn.Linear(_WIDTH, _WIDTH), nn.Linear(_WIDTH, _WIDTH)
        self.norm1, self.norm2 = nn.LayerNorm(_WIDTH), nn.LayerNorm(_WIDTH)
        self.dense = _FeedForward()

    def forward(
        self,
        nodes: Float[Tensor, "residues width"],
        edges: Float[Tensor, "residues neighbours width"],
    ) -> Float[Tensor, "residues width"]:
        """New states of residues, from what the first layer of the messages gives on each edge."""
        inner = functional.gelu(self.W2(functional.gelu(edges))).sum(dim=1)
        # The last layer of the messages is linear: it is applied to their sum.
        summed = functional.linear(inner, self.W3.weight) + edges.shape[1] * self.W3.bias
        nodes = self.norm1(nodes + summed / _SCALE)
        return self.norm2(nodes + self.dense(nodes))  # type: ignore[no-any-return]


class _EncoderLayer(_Layer):
    """A round after which the edges are renewed, too."""

    def __init__(self) -> None:
        super().__init__(parts=3)
        self.W11 = nn.Linear(3 * _WIDTH, _WIDTH)
        self.W12, self.W13 = nn.Linear(_WIDTH, _WIDTH), nn.Linear(_WIDTH, _WIDTH)
        self.norm3 = nn.LayerNorm(_WIDTH)

    def both(
        self,
        nodes: Float[Tensor, "residues width"],
        edges: Float[Tensor, "residues neighbours width"],
        neighbours: Int64[Tensor, "residues neighbours"],
    ) -> tuple[
        Float[Tensor, "residues width"],
        Float[Tensor, "residues neighbours width"],
    ]:
        """New states of residues and of edges."""
        nodes = self(nodes, self.W1(_edge_inputs(nodes, edges, neighbours)))
        inner = functional.gelu(self.W11(_edge_inputs(nodes, edges, neighbours)))
        return nodes, self.norm3(edges + self.W13(functional.gelu(self.W12(inner))))


class _DecoderLayer(_Layer):
    """A round whose messages carry the letters of residues that were decoded before."""

    def __init__(self) -> None:
        super().__init__(parts=4)

    def parts(self) -> tuple[Float[Tensor, "width width"], ...]:
        """Weights of the first layer for a residue, its edge, its neighbour's letter and state."""
        return torch.split(self.W1.weight, _WIDTH, dim=1)


class ProteinMPNN(nn.Module):
    """The network; its parameters bear the names of the published file."""

    def __init__(self) -> None:
        super().__init__()
        self.features = _Features()
        self.W_e, self.W_s = nn.Linear(_WIDTH, _WIDTH), nn.Embedding(len(LETTERS), _WIDTH)
        self.encoder_layers = nn.ModuleList([_EncoderLayer() for _ in range(3)])
        self.decoder_layers = nn.ModuleList([_DecoderLayer() for _ in range(3)])
        self.W_out = nn.Linear(_WIDTH, len(LETTERS))

    def encode(
        self,
        backbone: Float[Tensor, "residues 4 3"],
        places: Int64[Tensor, " residues"],
        chains: Int64[Tensor, " residues"],
    ) -> EncodedComplex:
        """Read a backbone.

        Args:
            backbone: N, C-alpha, C and O of each residue, in ångström; none missing.
            places: of each residue in its chain.
            chains: a number for each chain.
        """
        atoms = torch.cat([backbone, _beta(backbone)[:, None]], dim=1)
        alpha = backbone[:, _CA]
        distance = _distance(alpha[:, None], alpha[None])
        neighbours = distance.topk(min(_NEIGHBOURS, len(alpha)), largest=False).indices
        distances = torch.stack(
            [_distance(atoms[:, None, a], atoms[neighbours][:, :, b]) for a, b in _PAIRS], dim=-1
        )
        centres = torch.linspace(_FIRST_ANGSTROM, _LAST_ANGSTROM, _BINS)
        width = (_LAST_ANGSTROM - _FIRST_ANGSTROM) / _BINS
        bins = torch.exp(-(((distances[..., None] - centres) / width) ** 2)).flatten(2)
        relative = self.features.embeddings(places, chains, neighbours)
        edges = self.features.edge_embedding(torch.cat([relative, bins], -1))
        edges = self.W_e(self.features.norm_edges(edges))
        nodes = torch.zeros(len(alpha), _WIDTH)
        for layer in self._encoder:
            nodes, edges = layer.both(nodes, edges, neighbours)
        parts = [functional.linear(edges, o.parts()[1], o.W1.bias) for o in self._decoder]
        return EncodedComplex(nodes, neighbours, tuple(parts))

    def log_probabilities(
        self,
        encoded: EncodedComplex,
        residues: Int64[Tensor, " residues"],
        target: int,
        order: Int64[Tensor, " residues"],
    ) -> Float[Tensor, " letters"]:
        """Log-probabilities of :data:`LETTERS` at one residue, all others known.

        Args:
            encoded: from :meth:`encode`.
            residues: columns of the residues that stand there; that of the target is not used.
            target: index of the residue that is asked for.
            order: rank of each residue in the order of decoding; the target comes last.
        """
        last = order.clone()
        last[target] = len(order)
        reached = [torch.tensor([target])]
        for _ in range(len(self._decoder) - 1):
            reached.append(torch.unique(encoded.neighbours[reached[-1]]))
        states, letters = encoded.nodes, self.W_s(residues)
        for layer, edges, rows in zip(
            self._decoder, encoded.edge_parts, reversed(reached), strict=True
        ):
            neighbours = encoded.neighbours[rows]
            of_own, _, of_letter, of_state = layer.parts()
            decoded = functional.linear(letters, of_letter) + functional.linear(states, of_state)
            undecoded = functional.linear(encoded.nodes, of_state)
            is_decoded = (last[neighbours] < last[rows][:, None])[..., None]
            messages = edges[rows] + functional.linear(states[rows], of_own)[:, None]
            messages = messages + torch.where(
                is_decoded, decoded[neighbours], undecoded[neighbours]
            )
            states = states.index_copy(0, rows, layer(states[rows], messages))
        return self.W_out(states[target]).log_softmax(-1)  # type: ignore[no-any-return]

    @property
    def _encoder(self) -> list[_EncoderLayer]:
        return [layer for layer in self.encoder_layers if isinstance(layer, _EncoderLayer)]

    @property
    def _decoder(self) -> list[_DecoderLayer]:
        return [layer for layer in self.decoder_layers if isinstance(layer, _DecoderLayer)]


def _edge_inputs(
    nodes: Float[Tensor, "residues width"],
    edges: Float[Tensor, "residues neighbours width"],
    neighbours: Int64[Tensor, "residues neighbours"],
) -> Float[Tensor, "residues neighbours messages"]:
    states = nodes[:, None].expand(-1, neighbours.shape[1], -1)
    return torch.cat([states, edges, nodes[neighbours]], -1)


def _distance(
    atoms: Float[Tensor, "*#residues 3"], others: Float[Tensor, "*#residues 3"]
) -> Float[Tensor, "*residues"]:
    """Distances in ångström, never quite 0."""
    return torch.sqrt(((atoms - others) ** 2).sum(-1) + 1e-6)


def _beta(backbone: Float[Tensor, "residues 4 3"]) -> Float[Tensor, "residues 3"]:
    """Where an ideal C-beta stands; also for glycine."""
    b = backbone[:, _CA] - backbone[:, _N]
    c = backbone[:, _C] - backbone[:, _CA]
    a = torch.linalg.cross(b, c)
    beta: Tensor = -0.58273431 * a + 0.56802827 * b - 0.54067466 * c + backbone[:, _CA]
    return beta
