"""What the columns of the data are: which name rows, which kind each has, which give the answer away."""
