"""A sheet as text: where its header stands, Excel workbooks, tables that are in memory."""
