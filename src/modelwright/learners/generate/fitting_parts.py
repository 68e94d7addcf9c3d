"""Whether configuration, tensors, tokenizer and ends that were read belong together, before anything rests on them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from modelwright.core.messages import Problem, ProjectError
from modelwright.learners.generate.weights_folder import DecoderWeights
from modelwright.learners.networks.decoders import llama
from modelwright.learners.networks.decoders.decoder_shape import DecoderShape
from modelwright.learners.weights.tokenizer_files import ids_of


def check(weights: DecoderWeights, shown: str) -> None:
    """Raise ProjectError, of all that does not fit; shown: where the weights come from."""
    shape = DecoderShape.of(weights.config)
    found = [*_of_tensors(weights, shape), *_of_tokenizer(weights, shape, shown)]
    if found:
        raise ProjectError([one.at("model.pretrained") for one in found])


def _of_tensors(weights: DecoderWeights, shape: DecoderShape) -> list[Problem]:
    """Return the first tensor that is not as the configuration says, and those that no decoder of this form has."""
    # more layers than tensors are not there, whatever a damaged configuration says
    tried = replace(shape, layers=min(shape.layers, len(weights.tensors) + 1))
    with torch.device("meta"):  # sizes alone, without memory
        wanted = llama.decoder(tried, weights.tensors).state_dict()
    for name, one in wanted.items():
        values = weights.tensors.get(name)
        sizes = _sizes(tuple(one.shape))
        if values is None:
            return [Problem("decoder.tensor", name=name, wanted=sizes)]
        if values.shape != tuple(one.shape):
            return [Problem("decoder.tensor", name=name, found=_sizes(values.shape), wanted=sizes)]
        if not np.isfinite(values).all():
            return [Problem("decoder.tensor", name=name)]
    if left := sorted(set(weights.tensors) - set(wanted)):
        return [Problem("decoder.tensors-left", names=", ".join(left[:5]), count=len(left))]
    return []


def _of_tokenizer(weights: DecoderWeights, shape: DecoderShape, shown: str) -> list[Problem]:
    try:
        count, highest = ids_of(weights.tokenizer)
    except ValueError as error:
        return [Problem("pretrained.tokenizer", path=shown, reason=str(error)[:200])]
    if not count:
        return [Problem("pretrained.tokenizer", path=shown, tokens=0, words=shape.words)]
    if highest >= shape.words:
        return [Problem("pretrained.tokenizer", path=shown, tokens=highest + 1, words=shape.words)]
    if beyond := [one for one in weights.ends if not 0 <= one < shape.words]:
        return [Problem("pretrained.tokenizer", path=shown, end=beyond[0], words=shape.words)]
    return []


def _sizes(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
