"""The contract of a family of outcomes, one file per facet. A stage imports the facets that it uses."""
