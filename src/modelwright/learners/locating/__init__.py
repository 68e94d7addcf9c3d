"""What the learners share that find places in a text: rows in windows, training on them, and the body that serves."""
