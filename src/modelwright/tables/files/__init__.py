"""Files that are values themselves: which a source names, which a cell names, and their bytes."""
