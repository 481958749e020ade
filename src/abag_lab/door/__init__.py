"""The model behind ``abag predict``: its rows, its sealed part, its figures."""
