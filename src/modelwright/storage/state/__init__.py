"""The state database: versions, evaluations, releases, audit."""
