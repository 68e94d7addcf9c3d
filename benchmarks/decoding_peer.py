"""ONNX Runtime GenAI for `decoding.py`, in an environment of its own: prompts in, a line each; rate and tokens out."""

from __future__ import annotations

import json
import sys
import time

WRITTEN = 96  # tokens of an answer
CONTEXT = 2048  # positions that the cache has room for, as ours has


def main() -> None:
    import numpy as np
    import onnxruntime_genai as genai

    model = genai.Model(sys.argv[1])
    print(json.dumps(genai.__version__), flush=True)
    for line in sys.stdin:
        ids = np.array(json.loads(line), dtype=np.int32)  # (streams, prompt)
        begun = time.perf_counter()
        streams, length = ids.shape
        whole = length + WRITTEN
        params = genai.GeneratorParams(model)
        params.set_search_options(do_sample=False, batch_size=streams, max_length=CONTEXT, min_length=whole)
        generator = genai.Generator(model, params)
        generator.append_tokens(ids)
        for _ in range(WRITTEN):
            generator.generate_next_token()
        taken = time.perf_counter() - begun
        tokens = [generator.get_sequence(row)[length:].tolist() for row in range(streams)]
        print(json.dumps([streams * WRITTEN / taken, tokens]), flush=True)


if __name__ == "__main__":
    main()
