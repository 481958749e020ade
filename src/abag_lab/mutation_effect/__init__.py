"""How the shipped model of mutation effects is learnt."""
