"""What `judge` shows in the terminal, and what it reads there."""
