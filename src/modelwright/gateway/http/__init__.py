"""HTTP: one file for each protocol, the pages, and how an exchange is read and written."""
