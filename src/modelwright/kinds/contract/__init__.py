"""The contract of a kind, one file per facet. A stage imports the facets that it uses, from their own modules."""
