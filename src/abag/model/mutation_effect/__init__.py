"""How much mutations change affinity, predicted without a measurement (ΔpKd of a variant)."""

from abag.model.mutation_effect.model import MutationEffect, VariantEffects, load_mutation_effect
from abag.model.mutation_effect.parent import ParentAntibody

__all__ = ["MutationEffect", "ParentAntibody", "VariantEffects", "load_mutation_effect"]
