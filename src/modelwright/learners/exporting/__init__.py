"""How what learners learned becomes graphs, shared by their exporters."""
