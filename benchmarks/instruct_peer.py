"""TRL for `instruct.py`, in an environment of its own: rows and settings in, CPU seconds and weights out."""

from __future__ import annotations

import json
import sys
import time
from typing import Any


def main() -> None:
    import torch
    import trl
    from datasets import Dataset
    from peft import LoraConfig
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, TrainerCallback

    asked = json.loads(sys.stdin.read())
    torch.set_num_threads(asked["threads"])
    begun, seconds = 0.0, list[float]()

    class Watch(TrainerCallback):
        """Takes down what steps take."""

        def on_step_begin(self, *_: Any, **__: Any) -> None:
            nonlocal begun
            begun = time.process_time()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            seconds.append(time.process_time() - begun)

    end = "<|im_end|>"
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=f"{asked['weights']}/tokenizer.json",
        chat_template=asked["template"],
        pad_token=end,
        eos_token=end,
    )
    model = AutoModelForCausalLM.from_pretrained(asked["weights"], dtype=torch.float32)
    given: dict[str, Any] = {
        "output_dir": asked["folder"],
        "max_steps": asked["steps"],
        "per_device_train_batch_size": asked["batch"],
        "max_length": asked["context"],
        "report_to": [],
        "save_strategy": "no",
        "use_cpu": True,
        "disable_tqdm": True,
        **asked["settings"],
    }
    if asked["way"] == "preferences":
        kind, config = trl.DPOTrainer, trl.DPOConfig
    else:
        kind, config = trl.SFTTrainer, trl.SFTConfig
    adapters = None
    if asked["way"] == "lora":
        adapters = LoraConfig(r=asked["rank"], lora_alpha=asked["alpha"], target_modules="all-linear")
    trainer = kind(
        model=model,
        args=config(**given),
        train_dataset=Dataset.from_list(asked["rows"]),
        processing_class=tokenizer,
        callbacks=[Watch()],
        peft_config=adapters,
    )
    trainer.train()
    learned = trainer.model.merge_and_unload() if adapters is not None else trainer.model
    tensors = {name: one.detach().float().contiguous() for name, one in learned.state_dict().items()}
    tensors.pop("lm_head.weight", None)  # the vectors of tokens
    save_file(tensors, asked["out"])
    print(json.dumps({"version": trl.__version__, "seconds": seconds}))


if __name__ == "__main__":
    main()
