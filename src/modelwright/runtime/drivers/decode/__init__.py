"""The driver `decode`: a body that writes, token by token.

    graphs     {"model"}: a decoder with its cache of keys and values; prompts and answers go through the same graph.
               Inputs `ids` int64 (n, t), `lengths` int32 (n,): positions each row then has, less one; `total` int32:
               the most of them; `places` int64 (k,): tokens, counted through all rows, after which the next is wanted;
               `past.{layer}.key` and `.value`, float32 (n, key heads, context, head width). Outputs `logits` float32
               (k, words) and `present.…`, which are bound to the memory of the past.
    files      `tokenizer.json`, and the graph's weights
    settings   `DecodeSettings`: context, ends, the prompt as pieces, sampling, chunk, slots, cache_bytes, tools

    {"context": 2048, "ends": [2], "prompt": [
       {"turns": "messages",
        "opening": [{"text": "<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n"}],
        "roles": {"user": [{"text": "<|im_start|>user\\n"}, {"content": true}, {"text": "<|im_end|>\\n"}], …}},
       {"text": "<|im_start|>assistant\\n"}]}

It writes the one output of its signature, and says of each answer in `Answer.details`: `finish` (`stop`, `length`,
`time`; None: not yet), `prompt_tokens`, `tokens`, `kept_tokens` (of the prompt, known from an earlier one), and
`logprobs` where they are wanted. A call's options: `max_tokens`, `temperature`, `top_k`, `top_p`, `min_p`,
`repetition_penalty`, `presence_penalty`, `frequency_penalty`, `logit_bias`, `seed` (a list: one for each row), `stop`,
`logprobs`, `max_time_s`, `schema`, and of a dialogue that begins with a turn of tools `tool_choice` and
`parallel_tool_calls`. What is called then stands in the details as `calls`, and what is written beside it as `text`.
"""
