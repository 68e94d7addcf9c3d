"""The contract of a family of outcomes, one file a facet. A stage imports the facets that it uses."""
