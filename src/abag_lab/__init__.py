"""The workshop: what serves those who build abag. The product never imports it."""
