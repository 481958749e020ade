"""The first model behind ``abag predict``, kept to compare with: kernel ridge and trees."""
