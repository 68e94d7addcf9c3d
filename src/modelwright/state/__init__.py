"""The state database: versions, looks at test sets, releases, audit; and the record of live traffic."""
