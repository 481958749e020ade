"""The service: the same functions behind REST and a page, for a group that shares a machine."""
