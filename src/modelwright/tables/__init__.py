"""From files to columns of raw cells. Knows no kind and no section of the project file."""
