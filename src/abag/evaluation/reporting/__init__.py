"""Reports: words, tables, pictures and the page."""
