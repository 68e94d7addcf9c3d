"""The contract of a learner, one file per facet: `spec` (light), `learn` and `export` (heavy), and what they share."""
