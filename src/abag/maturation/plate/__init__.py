"""A plate as a laboratory takes it: wells, page, order, pick lists."""
