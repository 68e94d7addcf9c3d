"""Projects and packages behind a gateway."""
