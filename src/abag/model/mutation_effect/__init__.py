"""How much mutations change affinity, predicted without a measurement (ΔpKd of a variant)."""

from abag.model.mutation_effect.model import MutationEffect, load_mutation_effect

__all__ = ["MutationEffect", "load_mutation_effect"]
