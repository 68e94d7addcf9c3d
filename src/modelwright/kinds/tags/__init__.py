"""A set of tags: any number of names out of a closed set, none included."""
