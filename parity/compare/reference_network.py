"""The reference that networks are held to: a dense network trained in float64 by the plain formulas, step by step.

Slow and plain on purpose. Weights are (in, out) matrices, biases (out,) vectors, x is (n, p), y (n,) of 0 and 1. The
loss is the mean cross-entropy in nats.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Arrays = tuple[Floats, ...]
"Of all layers: weights and biases in turn, the input side first."

Batch = tuple[Floats, NDArray[np.int64]]
"Rows of one update: x (rows, p) and y (rows,)."
Rounded = Callable[[Floats], Floats]
"What happens to every array as it is computed: nothing here, a small perturbation in `perturbation`."

Activation = Literal["tanh", "relu"]
Output = Literal["sigmoid", "softmax"]


@dataclass(frozen=True, slots=True, eq=False)
class Network:
    """A dense network for two classes: hidden layers of one activation, and one logistic or two softmax units."""

    arrays: Arrays
    activation: Activation
    output: Output

    @property
    def layers(self) -> list[tuple[Floats, Floats]]:
        """(in, out) weights and (out,) biases of each layer."""
        return list(zip(self.arrays[::2], self.arrays[1::2], strict=True))


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What one update saw and did."""

    loss: float
    "Mean cross-entropy of the batch before the update, and the penalty on the weights."
    activations: Arrays
    "Of each layer, (rows, units), the output's probabilities last."
    gradients: Arrays
    "Of that loss, in the order of the network's arrays."
    updates: Arrays
    "What was added to the arrays."
    network: Network
    "After the update."


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What a rule remembers: running arrays by name, in the order of the network's, and the updates done."""

    steps: int = 0
    arrays: dict[str, Arrays] = field(default_factory=dict)

    def of(self, name: str, like: Arrays) -> Arrays:
        """A running array; zeros before the first update."""
        return self.arrays.get(name) or tuple(np.zeros_like(array) for array in like)


class Rule(Protocol):
    """Turns gradients into updates."""

    def update(self, gradients: Arrays, state: State) -> tuple[Arrays, State]:
        """What is to be added to the arrays, and what is remembered."""


@dataclass(frozen=True, slots=True)
class SGD:
    """Gradient descent, with momentum in the form that a framework gives it.

    heavy-ball      v = m v - r g, w += v                  (keras/src/optimizers/sgd.py; sklearn SGDOptimizer; H2O's
                                                           Neurons.java where nesterov_accelerated_gradient is true)
    nesterov        v = m v - r g, w += m v - r g          (Keras and scikit-learn with nesterov)
    previous-step   w += m u - r g, u = -r g               (H2O where nesterov_accelerated_gradient is false)

    H2O multiplies its `rate` by 1 - momentum first; `learning_rate` is what is left.
    """

    learning_rate: float
    momentum: float = 0.0
    form: Literal["heavy-ball", "nesterov", "previous-step"] = "heavy-ball"

    def update(self, gradients: Arrays, state: State) -> tuple[Arrays, State]:
        """See `Rule`."""
        before = state.of("velocity", gradients)
        plain = tuple(-self.learning_rate * g for g in gradients)
        if self.form == "previous-step":
            updates = tuple(u + self.momentum * v for u, v in zip(plain, before, strict=True))
            return updates, State(state.steps + 1, {"velocity": plain})
        velocity = tuple(self.momentum * v + u for u, v in zip(plain, before, strict=True))
        updates = velocity
        if self.form == "nesterov":
            updates = tuple(self.momentum * v + u for u, v in zip(plain, velocity, strict=True))
        return updates, State(state.steps + 1, {"velocity": velocity})


@dataclass(frozen=True, slots=True)
class Adam:
    """Kingma and Ba (2015), with both bias corrections in the rate and epsilon outside the root.

    keras/src/optimizers/adam.py; AdamOptimizer of sklearn/neural_network/_stochastic_optimizers.py.
    """

    learning_rate: float
    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-7
    power1: float | None = None
    "Base of the first bias correction where it is not beta1: a framework may round the number twice."
    power2: float | None = None

    def update(self, gradients: Arrays, state: State) -> tuple[Arrays, State]:
        """See `Rule`."""
        t, power1, power2 = state.steps + 1, self.power1 or self.beta1, self.power2 or self.beta2
        mean = _running(state.of("mean", gradients), gradients, self.beta1)
        square = _running(state.of("square", gradients), tuple(g**2 for g in gradients), self.beta2)
        rate = self.learning_rate * np.sqrt(1 - power2**t) / (1 - power1**t)
        updates = tuple(-rate * m / (np.sqrt(v) + self.epsilon) for m, v in zip(mean, square, strict=True))
        return updates, State(t, {"mean": mean, "square": square})


@dataclass(frozen=True, slots=True)
class RMSprop:
    """Hinton's rule with epsilon under the root: keras/src/optimizers/rmsprop.py."""

    learning_rate: float
    rho: float = 0.9
    momentum: float = 0.0
    epsilon: float = 1e-7
    centered: bool = False

    def update(self, gradients: Arrays, state: State) -> tuple[Arrays, State]:
        """See `Rule`."""
        square = _running(state.of("square", gradients), tuple(g**2 for g in gradients), self.rho)
        mean = _running(state.of("mean", gradients), gradients, self.rho)
        spread = tuple(v - m**2 if self.centered else v for v, m in zip(square, mean, strict=True))
        increments = tuple(
            self.learning_rate * g / np.sqrt(s + self.epsilon) for g, s in zip(gradients, spread, strict=True)
        )
        velocity = tuple(
            self.momentum * v + i for v, i in zip(state.of("velocity", gradients), increments, strict=True)
        )
        return tuple(-v for v in velocity), State(
            state.steps + 1, {"square": square, "mean": mean, "velocity": velocity}
        )


@dataclass(frozen=True, slots=True)
class Adadelta:
    """Zeiler (2012), arXiv:1212.5701, algorithm 1, times a rate: keras/src/optimizers/adadelta.py.

    biases: "own" as there. "average of weights" as H2O has it: a bias is divided by the root of the mean squared
    gradient of the weights into its unit, not of its own (update_bias in hex/deeplearning/Neurons.java).
    roots: "by bits" as H2O has it: approxSqrt of water/util/MathUtils.java halves exponent and mantissa together, of a
    float32 for a weight and of a float64 for a bias, and is up to 6 % off.
    """

    learning_rate: float = 1.0
    rho: float = 0.95
    epsilon: float = 1e-7
    biases: Literal["own", "average of weights"] = "own"
    roots: Literal["exact", "by bits"] = "exact"

    def update(self, gradients: Arrays, state: State) -> tuple[Arrays, State]:
        """See `Rule`."""
        squares = [g**2 for g in gradients]
        if self.biases == "average of weights":
            squares[1::2] = [square.mean(axis=0) for square in squares[::2]]
        seen = _running(state.of("gradient", gradients), tuple(squares), self.rho)
        done = state.of("step", gradients)
        root = np.sqrt if self.roots == "exact" else _root_by_bits
        rates = tuple(root((d + self.epsilon) / (s + self.epsilon)) for d, s in zip(done, seen, strict=True))
        taken = _running(done, tuple(r**2 * s for r, s in zip(rates, squares, strict=True)), self.rho)
        updates = tuple(-self.learning_rate * r * g for r, g in zip(rates, gradients, strict=True))
        return updates, State(state.steps + 1, {"gradient": seen, "step": taken})


Plain = SGD | Adam | RMSprop | Adadelta


@dataclass(frozen=True, slots=True)
class Decaying:
    """A rule whose rate is divided by 1 + decay * updates done: keras/src/optimizers/schedules, InverseTimeDecay."""

    rule: Plain
    decay: float

    def update(self, gradients: Arrays, state: State) -> tuple[Arrays, State]:
        """See `Rule`."""
        rate = self.rule.learning_rate / (1 + self.decay * state.steps)
        return replace(self.rule, learning_rate=rate).update(gradients, state)


def _exact(array: Floats) -> Floats:
    return array


def forward(network: Network, x: Floats, rounded: Rounded = _exact) -> Arrays:
    """Activations of each layer, (n, units); the last are the output's probabilities, (n, 1) or (n, 2)."""
    found: list[Floats] = []
    *hidden, last = network.layers
    for weights, biases in hidden:
        x = rounded(_activate(network.activation, x @ weights + biases))
        found.append(x)
    score = x @ last[0] + last[1]
    found.append(rounded(_probabilities(network.output, score)))
    return tuple(found)


def scores(network: Network, x: Floats, hidden: Callable[[Floats], Floats] | None = None) -> Floats:
    """(n, outputs) scores of the output layer, of which its probabilities are made.

    hidden: what becomes of the scores of hidden units, in place of the network's activation.
    """
    *inner, (weights, biases) = network.layers
    for w, b in inner:
        x = hidden(x @ w + b) if hidden is not None else _activate(network.activation, x @ w + b)
    return np.asarray(x @ weights + biases)


def loss(network: Network, x: Floats, y: NDArray[np.int64], l2: float = 0.0) -> float:
    """Mean cross-entropy plus l2/2 |w|^2, computed from the scores: no probability is rounded to 0 or 1 first."""
    score = scores(network, x)
    penalty = l2 / 2 * sum(float((weights**2).sum()) for weights, _ in network.layers) if l2 else 0.0
    if network.output == "sigmoid":
        return penalty + float(np.logaddexp(0, np.where(y == 1, -score[:, 0], score[:, 0])).mean())
    return penalty + float((np.logaddexp(score[:, 0], score[:, 1]) - score[np.arange(len(y)), y]).mean())


def gradients(
    network: Network,
    x: Floats,
    y: NDArray[np.int64],
    l2: float = 0.0,
    activations: Arrays = (),
    rounded: Rounded = _exact,
) -> Arrays:
    """Gradient of the mean loss by every array, by backpropagation. activations: of `forward`, where they are known."""
    activations = activations or forward(network, x, rounded)
    inputs = (x, *activations[:-1])
    target = y[:, None].astype(np.float64) if network.output == "sigmoid" else np.eye(2)[y]
    # Of both outputs the derivative of the loss by the score is probability less target.
    error = (activations[-1] - target) / len(y)
    found: list[Floats] = []
    for (weights, _), below in zip(reversed(network.layers), reversed(inputs), strict=True):
        slope = below.T @ error
        found[:0] = [rounded(slope + l2 * weights if l2 else slope), rounded(error.sum(axis=0))]
        if below is not x:
            error = rounded((error @ weights.T) * _slope(network.activation, below))
    return tuple(found)


def train(
    network: Network,
    rule: Rule,
    batches: Iterable[Batch],
    state: State | None = None,
    *,
    l2: float = 0.0,
    rounded: Rounded = _exact,
) -> Iterator[Step]:
    """One step for each batch (x, y), in their order. l2: ridge penalty on the weights, lambda on the mean loss."""
    state = state or State()
    for x, y in batches:
        activations = forward(network, x, rounded)
        slopes = gradients(network, x, y, l2, activations, rounded)
        updates, state = rule.update(slopes, state)
        updates = tuple(rounded(update) for update in updates)
        before = network
        network = replace(network, arrays=tuple(rounded(array) for array in _added(network.arrays, updates)))
        yield Step(loss(before, x, y, l2), activations, slopes, updates, network)


def glorot_uniform(sizes: Sequence[int], activation: Activation, output: Output, seed: int) -> Network:
    """A network with Glorot's uniform weights and no biases. sizes: units of every layer, input and output included."""
    rng = np.random.default_rng(seed)
    arrays: list[Floats] = []
    for above, below in zip(sizes[:-1], sizes[1:], strict=True):
        bound = np.sqrt(6 / (above + below))
        arrays += [rng.uniform(-bound, bound, (above, below)), np.zeros(below)]
    return Network(tuple(arrays), activation, output)


def _activate(activation: Activation, score: Floats) -> Floats:
    return np.tanh(score) if activation == "tanh" else np.maximum(score, 0)


def _slope(activation: Activation, activated: Floats) -> Floats:
    """Derivative of the activation, from its own value."""
    return 1 - activated**2 if activation == "tanh" else (activated > 0).astype(np.float64)


def _probabilities(output: Output, score: Floats) -> Floats:
    from scipy import special

    return np.asarray(special.expit(score) if output == "sigmoid" else special.softmax(score, axis=1))


def _root_by_bits(ratio: Floats) -> Floats:
    """Half the bits of a number, which are its exponent and mantissa, and a constant that is H2O's added back."""
    if ratio.ndim == 1:
        return (((ratio.view(np.int64) >> 32) + 1072632448) << 31).view(np.float64)
    return ((ratio.astype(np.float32).view(np.int32) >> 1) + np.int32(532483686)).view(np.float32).astype(np.float64)


def _running(before: Arrays, now: Arrays, share: float) -> Arrays:
    return tuple(share * b + (1 - share) * n for b, n in zip(before, now, strict=True))


def _added(arrays: Arrays, updates: Arrays) -> Arrays:
    return tuple(a + u for a, u in zip(arrays, updates, strict=True))
