"""Every single mutant of an antibody: effects, table, heat map, interactive page."""
