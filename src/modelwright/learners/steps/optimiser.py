"""The optimisers, with a rate for every layer, penalties of the weights and a bound of the gradient."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
import torch._dynamo  # the first optimiser loads it, which takes seconds that are none of learning
from torch import Tensor, nn

from modelwright.learners.contract.steps import OptimiserKeys
from modelwright.learners.descent.recipe import Recipe
from modelwright.learners.networks.heads import Head
from modelwright.learners.networks.network import Network
from modelwright.learners.steps import lazy_adamw
from modelwright.learners.steps.lazy_adamw import LazyAdamW

_EPSILON = 1e-6


@dataclass(frozen=True)
class WeightGroup:
    """Weights that share a peak rate and a decoupled decay; hidden: matrices that read features and give features."""

    rate: float
    decay: float
    hidden: bool


class Stepper:
    """Takes steps along gradients, at a share of each layer's peak rate.

    AdamW decays its weights itself (Loshchilov and Hutter 2019); beside the others the same formula stands here. Biases
    and norms (one axis) are neither decayed nor penalised: they are few, and to shrink them changes what a layer gives.
    parts: in which the rows of a step are read at least.
    """

    def __init__(
        self, network: Network, weights: Mapping[str, nn.Parameter], recipe: Recipe, parts: int = 1
    ) -> None:
        self._recipe = recipe
        self._weights = dict(weights)
        self.rate = 0.0  # of the last step, as `learn.learning_rate` counts it
        self.norm = torch.zeros(())  # of the last step's gradient over all weights, before it was clipped
        groups: dict[WeightGroup, list[nn.Parameter]] = {}
        lazy: dict[WeightGroup, list[nn.Parameter]] = {}
        lazily, tables = lazy_adamw.is_lazy(recipe, parts), set[Tensor]()
        for table in lazy_adamw.tables(network):
            # then its gradient holds the rows that a batch has read; an earlier training may have had it otherwise
            table.sparse = lazily
            tables.add(table.weight)
        depth, hidden = depths(network), _hidden(network)
        for name, weight in weights.items():
            # rate · decay^(layers above it): low layers hold what all inputs share (Howard and Ruder 2018, section
            # 3.2); the word vectors, in no layer, learn slowest
            pretrained_rate = recipe.learning_rate * recipe.layer_decay ** depth.get(name, 0)
            rate = pretrained_rate if name in depth else recipe.head_rate
            decay = recipe.weight_decay if weight.ndim > 1 else 0.0
            of = lazy if lazily and weight in tables else groups
            of.setdefault(WeightGroup(rate, decay, name in hidden), []).append(weight)
        self._optimisers = list(optimisers(groups, recipe.optimiser))
        self._lazy = _lazy(lazy, recipe) if lazy else None
        if self._lazy is not None:
            self._optimisers.append(self._lazy)
        self._peaks = [(group, float(group["lr"])) for one in self._optimisers for group in one.param_groups]

    @property
    def peaks(self) -> dict[str, float]:
        """Return the peak rate of each weight by its name."""
        rates = {weight: peak for group, peak in self._peaks for weight in group["params"]}
        return {name: rates[weight] for name, weight in self._weights.items()}

    def step(self, share: float) -> None:
        """Take one step along the gradients, at a share of the peak rates, and forget them."""
        for group, peak in self._peaks:
            group["lr"] = peak * share
        # of the weights that are not scaled down by a layer's depth
        self.rate = self._recipe.stated_rate * share
        self._penalise()
        clip = self._recipe.optimiser.clip
        gradients = list(self._gradients())
        # one number over all weights, as if they were one vector
        self.norm = nn.utils.get_total_norm(gradients)
        if clip is not None and float(self.norm) > clip:
            # the norm over all weights together: the step keeps its direction and loses length
            for one in gradients:
                one.mul_(clip / (float(self.norm) + _EPSILON))
        step_all(self._optimisers)

    def moved(self, weight: Tensor) -> Tensor | None:
        """Return the rows of a weight that have ever moved, (n,); None where all may have."""
        return None if self._lazy is None else self._lazy.read(weight)

    def _gradients(self) -> Iterator[Tensor]:
        """Yield the gradient of each weight that has one; of a sparse one, its rows."""
        for weight in self._weights.values():
            if weight.grad is None:
                continue
            if weight.grad.is_sparse:
                # a word that comes twice in a batch has two rows until they are added
                weight.grad = weight.grad.coalesce()
                yield weight.grad.values()
            else:
                yield weight.grad

    def forget(self) -> None:
        """Forget the gradients without a step."""
        for one in self._optimisers:
            one.zero_grad()

    def state(self) -> Iterator[tuple[str, Tensor]]:
        """Yield what the optimisers remember of the weights, by names of their own."""
        yield from remembered(self._optimisers, self._weights)

    def restore(self, tensors: Mapping[str, Tensor]) -> None:
        """Remember what `state` gave."""
        remember(self._optimisers, self._weights, tensors)

    def _penalise(self) -> None:
        """Add the gradients of the penalties: l1 · sign(w), and l2 · w."""
        of = self._recipe.regularisation
        if not of.l1 and not of.l2:
            return
        for weight in self._weights.values():
            if weight.grad is not None and weight.ndim > 1:
                weight.grad.add_(weight.detach().sign(), alpha=of.l1).add_(weight.detach(), alpha=of.l2)


def remembered(
    optimisers: Sequence[torch.optim.Optimizer], weights: Mapping[str, nn.Parameter]
) -> Iterator[tuple[str, Tensor]]:
    """Yield what optimisers remember of weights, by names of their own."""
    for name, weight in weights.items():
        for one in optimisers:
            for key, value in one.state.get(weight, {}).items():
                if isinstance(value, Tensor):
                    yield f"{key}.{name}", value


def remember(
    optimisers: Sequence[torch.optim.Optimizer],
    weights: Mapping[str, nn.Parameter],
    tensors: Mapping[str, Tensor],
) -> None:
    """Let optimisers remember what `remembered` gave."""
    owners = {weight: one for one in optimisers for group in one.param_groups for weight in group["params"]}
    for full, value in tensors.items():
        key, _, name = full.partition(".")
        weight, kept = weights[name], value
        if value.shape == weight.shape:
            # laid out in memory as the weight is, which the optimiser takes for granted
            kept = torch.empty_like(weight, requires_grad=False).copy_(value)
        elif value.ndim or owners[weight].defaults.get("fused"):
            # what is of rows lies beside the weights; counts of steps only for those who ask for it
            kept = value.to(weight.device)
        owners[weight].state[weight][key] = kept


def optimisers(
    groups: Mapping[WeightGroup, list[nn.Parameter]], keys: OptimiserKeys
) -> Iterator[torch.optim.Optimizer]:
    """Yield what takes the steps of some weights, by the name of the optimiser."""
    betas = (keys.betas[0], keys.betas[1])
    given = [(group, {"params": found, "lr": group.rate}) for group, found in groups.items()]
    of_all = [{**one, "weight_decay": 0.0, "decoupled": group.decay} for group, one in given]
    decayed = [{**one, "weight_decay": group.decay} for group, one in given]
    match keys.name:
        case "adamw":
            # β₂ below PyTorch's 0.999 forgets sooner: a fine-tuning has hundreds of steps, not hundreds of thousands
            yield torch.optim.AdamW(decayed, betas=betas, eps=_EPSILON, fused=True)
        case "adam":
            yield torch.optim.Adam(of_all, betas=betas, eps=_EPSILON, fused=True)
        case "sgd":
            yield torch.optim.SGD(
                of_all, momentum=keys.momentum, nesterov=keys.nesterov and keys.momentum > 0
            )
        case "rmsprop":
            yield torch.optim.RMSprop(of_all, alpha=keys.smoothing, momentum=keys.momentum, eps=_EPSILON)
        case "adagrad":
            yield torch.optim.Adagrad(of_all)
        case "muon":
            hidden = [one for (group, _), one in zip(given, decayed, strict=True) if group.hidden]
            others = [one for (group, _), one in zip(given, decayed, strict=True) if not group.hidden]
            if hidden:
                # steps as long as those of AdamW, so that one rate is right for both (Liu et al. 2025, section 2.2)
                yield torch.optim.Muon(
                    hidden, momentum=keys.momentum, nesterov=keys.nesterov, adjust_lr_fn="match_rms_adamw"
                )
            if others:
                yield torch.optim.AdamW(others, betas=betas, eps=_EPSILON, fused=True)


def _lazy(groups: Mapping[WeightGroup, list[nn.Parameter]], recipe: Recipe) -> LazyAdamW:
    given = [{"params": found, "lr": one.rate, "weight_decay": one.decay} for one, found in groups.items()]
    first, second = recipe.optimiser.betas
    return LazyAdamW(given, betas=(first, second), eps=_EPSILON)


def step_all(found: Iterable[torch.optim.Optimizer]) -> None:
    """Take a step along the gradients, with decoupled decay beside each optimiser, and forget them."""
    for optimiser in found:
        if not isinstance(optimiser, (torch.optim.AdamW, LazyAdamW)):
            _decay(optimiser)
        optimiser.step()
        optimiser.zero_grad()


def _decay(optimiser: torch.optim.Optimizer) -> None:
    """Shrink weights by rate · decay, whatever their gradients are, where the optimiser does not do it itself."""
    with torch.no_grad():
        for group in optimiser.param_groups:
            if decay := group.get("decoupled", 0.0):
                for weight in group["params"]:
                    if weight.grad is not None:
                        weight.mul_(1.0 - group["lr"] * decay)


def depths(network: Network) -> dict[str, float]:
    """Return how far below the top each weight of the encoders with layers lies; of others, nothing.

    The top layer has 0; what lies in no layer (embeddings) has one more than the lowest layer.
    """
    found: dict[str, float] = {}
    names = {weight: name for name, weight in network.named_parameters()}
    for place in range(len(network.encoders)):
        encoder = network.encoder(place)
        layers = encoder.layers()
        if not layers:
            continue
        found |= {names[weight]: len(layers) for weight in encoder.parameters()}
        for number, layer in enumerate(layers, start=1):
            found |= {names[weight]: len(layers) - number for weight in layer.parameters()}
    return found


def _hidden(network: Network) -> frozenset[str]:
    """Return the matrices of linear layers that are no head; embeddings are tables, and convolutions no matrices."""
    # those of parts that answer by themselves are heads, too; a layer of an output's own is none
    heads = {id(one.linear) for one in network.modules() if isinstance(one, Head) and one.begin is None}
    return frozenset(
        f"{name}.weight"
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear) and id(module) not in heads
    )
