"""How the state database came to be, step by step: scripts for Alembic, one a change of the schema."""
