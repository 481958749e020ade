"""Commands that divide a table and look for leaks."""
