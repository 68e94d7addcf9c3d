"""The server: it takes requests, sends them to workers, and alone moves traffic."""
