"""Figures: `draw_*(ax, result) -> ax`, a file for each family; the only place that imports matplotlib."""
