"""What live traffic shows: requirements judged on it."""
