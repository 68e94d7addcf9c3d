"""Files and databases: atomic writes, locks, typed artifacts, the state database, the record of traffic."""
