"""The projects that `kill.py` kills: every learner that trains, with every option on that it takes, on few rows.

Those of tables, pictures, sounds, series and categories stand here, those that read and write texts in
`kill_text_cases.py`. Which options are left out, and why, is in `kill_options.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

import kill_text_cases
from kill_projects import (
    BAR,
    FIRST,
    MIXED,
    PIXELS,
    SECOND,
    SERIES,
    TABLE,
    TEXTS,
    Case,
    finetuned_teacher,
    own_module,
    pictures_encoder,
    pictures_teacher,
    rows,
    series,
    sounds,
    teacher,
    texts_encoder,
)

CASES: Mapping[str, Case] = {
    "linear": Case(
        "f(question: text, a: number, b: number, shop: category) -> topic: category, size: number, marks: tags",
        {
            "requirements": BAR,
            "model": {"learner": "linear", "logarithm": True, "aim": "mean", "most_terms": 400},
            "learn": {"budget": "1 min", "epochs": 100},
        },
    ),
    "linear-series": Case(
        "f(past: timeseries) -> next: timeseries",
        {
            "requirements": {"mae": "<= 100"},
            "model": {"learner": "linear"},
            "learn": {"budget": "1 min", "weight_decay": 3.0},
        },
        SERIES,
        series,
    ),
    "trees": Case(
        "f(a: number, b: number, c: number, shop: category) -> topic: category, size: number, large: boolean",
        {
            "requirements": {"mae": "<= 100"},
            "model": {
                "learner": "trees",
                "bags": 3,
                "random_splits": True,
                "codes": "both",
                "logarithm": True,
                "aim": "median",
            },
            "learn": {
                "budget": "1 min",
                "epochs": 300,
                "learning_rate": 0.02,
                "weight_decay": 1.0,
                "patience": 300,
            },
        },
    ),
    "trees-alone": Case(
        TABLE,
        {
            "requirements": BAR,
            "model": {
                "learner": "trees",
                "bags": 1,
                "random_splits": False,
                "leaves": 15,
                "min_rows": 3,
                "codes": "order",
            },
            "learn": {"budget": "1 min", "epochs": 600, "learning_rate": 0.01, "patience": 600},
        },
    ),
    "trees-series": Case(
        "f(past: timeseries) -> next: timeseries",
        {
            "requirements": {"mae": "<= 100"},
            "model": {"learner": "trees"},
            "learn": {"budget": "1 min", "epochs": 60},
        },
        SERIES,
        series,
    ),
    "probe": Case(
        "f(question: text) -> topic: category, size: number, large: boolean",
        {
            "requirements": BAR,
            "model": {"learner": "probe", "pretrained": "encoder", "pooling": "first", "max_length": 8},
            "learn": {"budget": "1 min", "epochs": 300, "label_smoothing": 0.1},
        },
        beside=texts_encoder,
    ),
    "probe-pictures": Case(
        "f(picture: image) -> topic: category",
        {
            "requirements": BAR,
            "model": {"learner": "probe", "pretrained": "encoder", "pixels": PIXELS},
            "learn": {"budget": "1 min", "epochs": 300, "weight_decay": 3.0},
        },
        beside=pictures_encoder,
    ),
    "finetune": Case(
        "f(question: text, a: number) -> topic: category, size: number",
        {
            "requirements": BAR,
            "model": {
                "learner": "finetune",
                "pretrained": "encoder",
                "freeze_words": False,
                "unfreeze": 0.6,
                "balanced": True,
                "layer_decay": 0.8,
                "dropout": 0.2,
                "layer_dropout": 0.1,
                "token_dropout": 0.1,
                "pooling": "first",
                "max_length": 10,
                "head_rate": 2e-3,
                "weights": {"size": 0.5},
            },
            "learn": {
                "budget": "1 min",
                "epochs": 16,
                "batch": 16,
                "learning_rate": 5e-4,
                "weight_decay": 0.02,
                **FIRST,
            },
        },
        beside=texts_encoder,
    ),
    "finetune-pairs": Case(
        "f(question: text, other: text) -> large: boolean, size: number",
        {
            "requirements": {"large.accuracy": ">= 0.2"},
            "model": {"learner": "finetune", "pretrained": "encoder", "together": True, "pooling": "mean"},
            "learn": {
                "budget": "1 min",
                "epochs": 8,
                "batch": 16,
                "threads": 2,
                "processes": 2,
                "loss": {"numbers": "squared"},
            },
        },
        beside=texts_encoder,
    ),
    "finetune-lora": Case(
        TEXTS,
        {
            "requirements": BAR,
            "model": {
                "learner": "finetune",
                "pretrained": "encoder",
                "lora": {"rank": 2, "alpha": 4},
                "start": "random",
            },
            "learn": {"budget": "1 min", "epochs": 16, "batch": 16, "precision": "bfloat16", **SECOND},
        },
        beside=texts_encoder,
    ),
    "finetune-pictures": Case(
        "f(picture: image) -> topic: category",
        {
            "requirements": BAR,
            "model": {"learner": "finetune", "pretrained": "encoder", "frozen_layers": 1, "pixels": PIXELS},
            "learn": {
                "budget": "1 min",
                "epochs": 4,
                "batch": 32,
                "optimiser": {"name": "sgd"},
                "schedule": {"name": "cosine"},
                "regularisation": {"mixup": 0.2, "cutmix": 1.0},
                "averaging": {"name": "none"},
            },
        },
        {
            "augment": {
                "picture": {"rotate": 10, "shift": 0.1, "noise": 0.1, "erase": 0.2, "flip_horizontal": True}
            }
        },
        pictures_encoder,
    ),
    "network": Case(
        MIXED,
        {
            "requirements": BAR,
            "model": {
                "learner": "network",
                "combiner": "attention",
                "width": 32,
                "activation": "gelu",
                "initialisation": "orthogonal",
                "normalisation": "layer",
                "dropout": 0.2,
                "balanced": True,
                "left_out": 0.4,
                "auxiliary": 0.7,
                "weighing": "uncertainty",
                "columns_width": 24,
                "columns_layers": 1,
                "output_width": 16,
                "max_length": 10,
                "encoders": {
                    "question": {
                        "type": "attention",
                        "width": 16,
                        "layers": 1,
                        "heads": 2,
                        "vocabulary": 300,
                        "tokenizer": "bytes",
                        "dropout": 0.2,
                    },
                    "photo": {"type": "convolutional", "width": 4, "stages": 2, "blocks": 2, "dropout": 0.2},
                    "shop": {"type": "embedding", "width": 3},
                    "a": {"type": "plain"},
                },
            },
            "learn": {
                "budget": "1 min",
                "epochs": 6,
                "batch": 32,
                "learning_rate": 3e-3,
                "weight_decay": 0.05,
                **FIRST,
            },
        },
    ),
    "network-columns": Case(
        "f(a: number, b: number, c: number?, shop: category) -> size: number, topic: category",
        {
            "requirements": BAR,
            "model": {
                "learner": "network",
                "logarithm": True,
                "aim": "median",
                "combiner": "sum",
                "omitted": 0.2,
                "initialisation": "he",
                "activation": "silu",
                "normalisation": "none",
                "weights": {"size": 0.5},
                "encoders": {
                    "a": {"type": "mlp", "width": 8, "layers": 1, "normalisation": "layer", "dropout": 0.2},
                    "b": {"type": "mlp", "width": 8, "normalisation": "none"},
                    "shop": {"type": "columns"},
                },
            },
            "learn": {"budget": "1 min", "epochs": 20, "batch": 32, "threads": 2, "processes": 2},
        },
    ),
    "network-pretrained": Case(
        "f(question: text, a: number) -> topic: category",
        {
            "requirements": BAR,
            "model": {
                "learner": "network",
                "pretrained": {"question": "encoder"},
                "unfreeze": 0.5,
                "pretrained_rate": 5e-4,
                "layer_decay": 0.8,
                "pooling": "first",
                "max_length": 10,
                "combiner": "gating",
                "initialisation": "xavier",
                "activation": "tanh",
            },
            "learn": {"budget": "1 min", "epochs": 12, "batch": 32, "precision": "bfloat16", **SECOND},
        },
        beside=texts_encoder,
    ),
    "network-stacking": Case(
        "f(question: text, a: number, b: number) -> topic: category, size: number",
        {
            "requirements": BAR,
            "model": {
                "learner": "network",
                "combiner": "stacking",
                "initialisation": "normal",
                "activation": "sigmoid",
                "encoders": {
                    "question": {
                        "type": "words",
                        "width": 16,
                        "kernels": [2],
                        "pooling": "weighted",
                        "tokenizer": "bytes",
                        "vocabulary": 300,
                        "dropout": 0.2,
                    }
                },
            },
            "learn": {
                "budget": "1 min",
                "epochs": 6,
                "batch": 32,
                "optimiser": {"name": "adagrad"},
                "loss": {"numbers": "absolute"},
                "schedule": {"name": "inverse-time", "decay": 4.0},
            },
        },
    ),
    "network-matching": Case(
        "f(question: text, other: text) -> large: boolean",
        {
            "requirements": {"large.accuracy": ">= 0.2"},
            "model": {
                "learner": "network",
                "combiner": "matching",
                "encoders": {one: {"type": "words", "width": 16} for one in ("question", "other")},
            },
            "learn": {
                "budget": "1 min",
                "epochs": 10,
                "batch": 32,
                "optimiser": {"name": "adam"},
                "schedule": {"name": "exponential"},
                "growth": {"at": [0.5], "factor": 2},
                "loss": {"classes": "focal"},
                "averaging": {"name": "stochastic"},
            },
        },
    ),
    "network-pictures": Case(
        "f(picture: image) -> topic: category, marks: tags",
        {
            "requirements": BAR,
            "model": {
                "learner": "network",
                "initialisation": "uniform",
                "activation": "relu",
                "pixels": PIXELS,
                "encoders": {"picture": {"type": "convolutional", "width": 8}},
            },
            "learn": {
                "budget": "1 min",
                "epochs": 6,
                "batch": 32,
                "precision": "float16",
                "optimiser": {"name": "sgd", "momentum": 0.8},
                "schedule": {"name": "constant"},
                "regularisation": {"mixup": 0.2, "cutmix": 1.0},
                "growth": {"at": [0.5], "factor": 2},
            },
        },
        {
            "augment": {
                "picture": {"rotate": 10, "shift": 0.1, "noise": 0.1, "erase": 0.2, "flip_vertical": True}
            }
        },
    ),
    "network-series": Case(
        "f(past: timeseries) -> next: timeseries",
        {
            "requirements": {"mae": "<= 100"},
            "model": {
                "learner": "network",
                "encoders": {
                    "past": {"type": "lstm", "width": 16, "layers": 2, "both": False, "dropout": 0.2}
                },
            },
            "learn": {
                "budget": "1 min",
                "epochs": 8,
                "batch": 32,
                "schedule": {"name": "linear"},
            },
        },
        SERIES,
        series,
    ),
    "network-temporal": Case(
        "f(past: timeseries) -> next: timeseries",
        {
            "requirements": {"mae": "<= 100"},
            "model": {
                "learner": "network",
                "encoders": {
                    "past": {
                        "type": "temporal",
                        "width": 8,
                        "layers": 2,
                        "kernel": 3,
                        "stride": 2,
                        "dropout": 0.2,
                    }
                },
            },
            "learn": {
                "budget": "1 min",
                "epochs": 8,
                "batch": 32,
                "schedule": {"name": "one-cycle"},
            },
        },
        SERIES,
        series,
    ),
    "network-patches": Case(
        "f(past: timeseries) -> next: timeseries",
        {
            "requirements": {"mae": "<= 100"},
            "model": {
                "learner": "network",
                "encoders": {"past": {"type": "attention", "width": 16, "layers": 1, "heads": 1, "patch": 4}},
            },
            "learn": {"budget": "1 min", "epochs": 8, "batch": 32},
        },
        SERIES,
        series,
    ),
    "network-gated": Case(
        "f(past: timeseries) -> next: timeseries",
        {
            "requirements": {"mae": "<= 100"},
            "model": {"learner": "network", "encoders": {"past": {"type": "gru", "width": 16}}},
            "learn": {"budget": "1 min", "epochs": 8, "batch": 32, "optimiser": {"name": "adamw"}},
        },
        SERIES,
        series,
    ),
    "network-module": Case(
        "f(a: number, b: number, c: number) -> topic: category",
        {
            "requirements": BAR,
            "model": {"learner": "network", "module": "mine:build"},
            "learn": {
                "budget": "1 min",
                "epochs": 40,
                "batch": 16,
                "averaging": {"name": "stochastic"},
                "regularisation": {"mixup": 0.2},
            },
        },
        beside=own_module,
    ),
    "blend": Case(
        "f(question: text, a: number, b: number, shop: category) -> size: number",
        {
            "requirements": {"mae": "<= 100"},
            "model": {
                "learner": "blend",
                "aim": "median",
                "of": [
                    "linear",
                    {"learner": "network", "learn": {"epochs": 6, "averaging": {"name": "stochastic"}}},
                    {"learner": "probe", "pooling": "first"},
                ],
                "pretrained": {"question": "encoder"},
            },
            "learn": {"budget": "1 min"},
        },
        beside=texts_encoder,
    ),
    "blend-table": Case(
        TABLE,
        {
            "requirements": BAR,
            "model": {
                "learner": "blend",
                "of": [
                    {"learner": "trees", "bags": 2, "codes": "sets", "learn": {"epochs": 150}},
                    "linear",
                    {"learner": "network", "learn": {"epochs": 10}},
                ],
            },
            "learn": {
                "budget": "1 min",
                "epochs": 20,
                "batch": 32,
                "learning_rate": 0.02,
                "weight_decay": 0.1,
                "precision": "float32",
                **FIRST,
            },
        },
    ),
    "distil": Case(
        TEXTS,
        {
            "requirements": BAR,
            "model": {
                "learner": "distil",
                "from": "package",
                "temperature": 3.0,
                "share": 0.6,
                "variants": 3,
                "words": False,
                "unlabelled": "more.csv",
                "encoders": {"question": {"type": "words", "width": 16}},
                "dropout": 0.2,
                "weights": {"topic": 2.0},
                "max_length": 10,
            },
            "learn": {
                "budget": "1 min",
                "epochs": 6,
                "batch": 32,
                "learning_rate": 3e-3,
                "weight_decay": 0.05,
                **FIRST,
                "regularisation": {"l1": 1e-5},
            },
        },
        beside=lambda folder: (teacher(folder), rows().select("question").write_csv(folder / "more.csv")),
    ),
    "distil-layers": Case(
        TEXTS,
        {
            "requirements": BAR,
            "model": {
                "learner": "distil",
                "from": "package",
                "pretrained": "teacher",
                "layers": 2,
                "feed_forward": 0.5,
                "pretrained_rate": 1e-3,
                "variants": 1,
            },
            "learn": {"budget": "1 min", "epochs": 6, "batch": 32, "precision": "bfloat16", **SECOND},
        },
        beside=finetuned_teacher,
    ),
    "distil-pictures": Case(
        "f(picture: image, a: number) -> topic: category",
        {
            "requirements": BAR,
            "model": {
                "learner": "distil",
                "from": "package",
                "variants": 1,
                "width": 16,
                "pixels": PIXELS,
                "encoders": {"picture": {"type": "convolutional", "width": 4}},
            },
            "learn": {"budget": "1 min", "epochs": 4, "batch": 32, "threads": 2, "processes": 2},
        },
        beside=pictures_teacher,
    ),
    "pretrain-texts": Case(
        "f(question: text)",
        {
            "model": {
                "learner": "pretrain",
                "objective": "both",
                "encoder": {"type": "attention", "width": 16, "layers": 1},
                "masked": 0.2,
                "kept": 0.5,
                "temperature": 0.1,
                "max_length": 10,
            },
            "learn": {
                "budget": "1 min",
                "epochs": 10,
                "batch": 32,
                "learning_rate": 2e-3,
                "weight_decay": 0.02,
                "averaging": {"name": "stochastic", "begin": 0.5},
                "schedule": {"name": "plateau"},
                "optimiser": {"name": "muon", "momentum": 0.8, "clip": 0.5},
                "precision": "float16",
                "patience": 40,
            },
        },
    ),
    "pretrain-further": Case(
        "f(question: text)",
        {
            "model": {
                "learner": "pretrain",
                "objective": "masked",
                "pretrained": "encoder",
                "pooling": "first",
            },
            "learn": {
                "budget": "1 min",
                "epochs": 10,
                "batch": 32,
                "precision": "bfloat16",
                "averaging": {"name": "exponential", "decay": 0.9},
                "optimiser": {"name": "adam", "betas": [0.8, 0.95]},
            },
        },
        beside=texts_encoder,
    ),
    "pretrain-pictures": Case(
        "f(picture: image)",
        {
            "model": {
                "learner": "pretrain",
                "objective": "both",
                "encoder": {"type": "convolutional", "width": 8},
                "pixels": PIXELS,
            },
            "learn": {"budget": "1 min", "epochs": 5, "batch": 32, "schedule": {"name": "cosine"}},
        },
    ),
    "pretrain-sounds": Case(
        "f(sound: audio)",
        {
            "model": {"learner": "pretrain", "objective": "contrastive"},
            "learn": {"budget": "1 min", "epochs": 10, "batch": 16},
        },
        beside=sounds,
    ),
    "search": Case(
        TABLE,
        {
            "requirements": BAR,
            "tune": {
                "aim": "best",
                "sampler": "tpe",
                "trials": 6,
                "pruner": "median",
                "parallel": 2,
                "space": {
                    "model.learner": ["trees", "linear"],
                    "learn.learning_rate": {"low": 0.02, "high": 0.3, "log": True},
                    "model.leaves": [3, 7, 15],
                },
            },
            "learn": {"budget": "1 min", "epochs": 60},
        },
    ),
    **kill_text_cases.CASES,
}
"""By name: a learner's name, and behind a hyphen what of it."""
