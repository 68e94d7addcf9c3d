"""How a body writes calls of tools, and reads them in what it has written."""
