"""The model behind ``abag predict``: level of measured relatives plus the effect of changes."""
