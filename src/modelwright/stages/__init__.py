"""The verbs of the loop, one folder each. A stage is a plain function and imports no other stage."""
