"""The contract of a learner, one file a facet: `spec` (light), `learn` and `export` (heavy), and what they share."""
