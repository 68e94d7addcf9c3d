"""`chat`: who is talked with, and how it is shown."""
