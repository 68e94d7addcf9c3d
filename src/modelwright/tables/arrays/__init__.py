"""Files of arrays, IDX and NPZ: a row for each item of the first axis, pictures as PNG."""
