"""What was guessed and claimed in 2017, each as an experiment: what is fitted, what is changed, what that would show.

Leek fitted H2O's network and ten pixels; Beam's Keras networks were near perfect, his Leekasso was another one too, and
the reasons were guessed. Values only: debate_fits.py fits them, compare/guess.py judges them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from parity.spec.models import MLP, Specification
from parity.spec.study import PRESETS

Plain = dict[str, Any]

STUDY = "leek2017"
"The preset whose data, split and methods are those of the debate."

SIZES = (10, 40, 80)
"The smallest size of 2017, the middle, and the largest that the post speaks of."

QUICK_SIZES, QUICK_DRAWS = (10, 80), 5
"What --quick keeps: both ends, and enough draws for an interval."

REPEATED = 5
"Draws on which reproducible fits are compared bit for bit: what is used in training differs on the first."

EXPLAIN_SECONDS, QUICK_SECONDS = 300.0, 90.0
"Time for the shares of a gap at one size: all draws have one or two rounds of them then. The same command goes on."

NETWORK = "mlp-leek"

H2O = ("r-h2o", "py-h2o")
"Clients of H2O in the order of preference: R's is the one of 2017."

KERAS = ("py-keras-jax", "py-keras-tensorflow", "py-keras-torch", "r-keras3")
"Engines that stand for Keras, the first that runs: JAX fits the single-row updates fastest."

DEFAULT_RATE, OTHER_RATES = 0.005, (0.0005, 0.05)
"H2O's default of `rate`, and a tenth and ten times of it."

MANY_EPOCHS, MANY_DRAWS = 200, 10
"Ten times the 20 epochs of 2017, on half of the draws: 16,000 updates of that network take half a minute."


@dataclass(frozen=True, slots=True, eq=False)
class Arm:
    """One way to fit the rows of a draw."""

    engines: tuple[str, ...]
    "The first that runs fits it; empty for a rule that nothing is fitted for."
    method: str
    label: str
    pinned: Plain = field(default_factory=dict)
    "Fields of the specification that are set besides what its author wrote."
    overrides: Plain = field(default_factory=dict)
    "Native arguments."
    repeat: int | None = None
    "Of reproducible fits a number that tells identical ones apart; None for fits as they are shipped."
    draws: int | None = None
    "Only so many draws of each size, the first; None for all."

    def specification(self, shipped: Specification) -> Specification:
        """What is asked for."""
        return dataclasses.replace(shipped, **self.pinned)


def _h2o(label: str, overrides: Plain | None = None, draws: int | None = None, **pinned: Any) -> Arm:
    return Arm(H2O, NETWORK, label, pinned, overrides or {}, draws=draws)


def _reproducible(label: str, overrides: Plain | None = None, repeat: int = 0) -> Arm:
    # Bit for bit is shown over all 20 epochs: a fit that ends after two has used its parameters less.
    return Arm(H2O, NETWORK, label, {"stopping": "none"}, overrides or {}, repeat, REPEATED)


def _sgd(rate: float) -> Plain:
    return {"adaptive_rate": False, "rate": rate}


_COPY = PRESETS["beam2017-python"].methods[NETWORK]
assert isinstance(_COPY, MLP)
_FIELDS = dataclasses.fields(MLP)

ARMS: dict[str, Arm] = {
    "h2o": _h2o("H2O"),
    "keras": Arm(KERAS, NETWORK, "Keras"),
    "h2o-relu": _h2o("H2O, Rectifier", activation="relu"),
    "keras-relu": Arm(KERAS, NETWORK, "Keras, relu", {"activation": "relu"}),
    "h2o-whole": _h2o("H2O, all 20 epochs", stopping="none"),
    "h2o-long": _h2o(f"H2O, all of {MANY_EPOCHS} epochs", draws=MANY_DRAWS, stopping="none", epochs=MANY_EPOCHS),
    **{f"h2o-sgd-{rate}": _h2o(f"H2O, SGD at {rate}", _sgd(rate)) for rate in (DEFAULT_RATE, *OTHER_RATES)},
    "h2o-same": _reproducible("H2O, reproducible"),
    "h2o-again": _reproducible("H2O, reproducible, again", repeat=1),
    **{f"h2o-rate-{rate}": _reproducible(f"H2O, reproducible, rate = {rate}", {"rate": rate}) for rate in OTHER_RATES},
    "h2o-elastic": _reproducible("H2O, reproducible, elastic averaging", {"elastic_averaging": True}),
    **{
        f"h2o-same-sgd-{rate}": _reproducible(f"H2O, reproducible, SGD at {rate}", _sgd(rate))
        for rate in (DEFAULT_RATE, OTHER_RATES[-1])
    },
    "copy": Arm(
        KERAS, NETWORK, '"MLP (Leek)" in Keras', {f.name: getattr(_COPY, f.name) for f in dataclasses.fields(MLP)}
    ),
    "lm": Arm(("r-stats",), "leekasso-lm", "R's lm"),
    "glm": Arm(("r-stats",), "leekasso-glm", "R's glm"),
    "liblinear": Arm(("py-sklearn",), "leekasso-liblinear", "LIBLINEAR in Python"),
    "best-single-pixel": Arm((), "best-single-pixel", "the best pixel of each draw"),
    "centre-pixel": Arm((), "centre-pixel", "the centre pixel"),
}
"Everything that is fitted, by a name of its own."

Role = Literal["decides", "control", "beside"]


@dataclass(frozen=True, slots=True)
class Trial:
    """One paired difference: the second arm's accuracy minus the first's."""

    name: str
    what: str
    before: str
    after: str
    role: Role = "decides"
    "control: what would show that the test could have failed. beside: worth knowing, but not what decides."

    @property
    def is_bitwise(self) -> bool:
        """Whether both arms are reproducible, so that what is compared is every prediction."""
        return all(arm in ARMS and ARMS[arm].repeat is not None for arm in (self.before, self.after))


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One guess or claim of 2017."""

    name: str
    claim: str
    whose: str
    kind: Literal["cause", "same", "as good"]
    trials: tuple[Trial, ...] = ()
    gap: tuple[str, str] | None = None
    "Arms between which the gap lies that a guess explains."
    gap_words: str = ""
    source: Literal["fits", "explanation", "robustness"] = "fits"
    covers: tuple[str, ...] = ()
    "Differences, as parity explain names them, that whoever made the guess could say to have meant."
    because: str = ""
    "Why these and no others."


GAP = ("h2o", "keras")
GAP_WORDS = "Keras minus H2O, the same network"
LEEKASSO_GAP = ("lm", "liblinear")
LEEKASSO_WORDS = "LIBLINEAR in Python minus R's lm, the same ten pixels"

CLAIMS: tuple[Claim, ...] = (
    Claim(
        name="tanh",
        claim="H2O's network is poor because its units are tanh and not relu",
        whose="guess of the rebuttal, whose networks were relu",
        kind="cause",
        gap=GAP,
        gap_words=GAP_WORDS,
        trials=(
            Trial("h2o", "Rectifier in place of Tanh in H2O", "h2o", "h2o-relu"),
            Trial("keras", "relu in place of tanh in Keras", "keras", "keras-relu", "beside"),
        ),
        covers=("activation.hidden",),
        because="the function of the hidden units is one difference, and has one name",
    ),
    Claim(
        name="updates",
        claim="H2O's network is poor because it is trained too little",
        whose="guess of the rebuttal: a lack of convergence, not overfitting",
        kind="cause",
        gap=GAP,
        gap_words=GAP_WORDS,
        trials=(
            Trial("whole", "all 20 epochs, no early end", "h2o", "h2o-whole"),
            Trial("long", f"{MANY_EPOCHS} epochs, no early end", "h2o", "h2o-long"),
        ),
        covers=("end of training", "epochs", "batch_size", "updates"),
        because="each of them says how many updates are made, and no other does",
    ),
    Claim(
        name="rate",
        claim="H2O's network is poor because its default rate is 0.005",
        whose="guess of the rebuttal, whose copy of the network has that rate",
        kind="cause",
        gap=GAP,
        gap_words=GAP_WORDS,
        trials=(
            *(Trial(f"rate-{r}", f"rate = {r} in place of 0.005", "h2o-same", f"h2o-rate-{r}") for r in OTHER_RATES),
            Trial("again", "the same fit once more", "h2o-same", "h2o-again", "control"),
            Trial(
                "live",
                f"rate = {OTHER_RATES[-1]} in place of 0.005, adaptive_rate = FALSE on both sides",
                f"h2o-same-sgd-{DEFAULT_RATE}",
                f"h2o-same-sgd-{OTHER_RATES[-1]}",
                "control",
            ),
            *(
                Trial(f"sgd-{r}", f"adaptive_rate = FALSE, rate = {r}", "h2o", f"h2o-sgd-{r}", "beside")
                for r in (OTHER_RATES[0], DEFAULT_RATE, OTHER_RATES[-1])
            ),
        ),
        covers=("learning_rate", "learning_rate.schedule", "learning_rate.decay", "learning_rate.annealing"),
        because="the rate, and how it falls",
    ),
    Claim(
        name="defaults",
        claim="H2O's network is poor because of H2O's defaults: all that differs from Keras, together",
        whose="guess of the rebuttal, which also named the optimiser",
        kind="cause",
        gap=GAP,
        gap_words=GAP_WORDS,
        source="explanation",
        covers=(
            "optimizer",
            "momentum",
            "momentum.end",
            "momentum.ramp",
            "nesterov",
            "learning_rate.layer_decay",
            "adaptive.decay",
            "adaptive.beta1",
            "adaptive.beta2",
            "adaptive.epsilon",
            "adaptive.adadelta_epsilon",
            "adaptive.form",
        ),
        because="of the defaults only the optimiser was named; who says 'the defaults' names no difference, so that "
        "this guess is judged by all of them together",
    ),
    Claim(
        name="elastic",
        claim="H2O's network is poor because of elastic averaging",
        whose="guess of 2017",
        kind="cause",
        gap=GAP,
        gap_words=GAP_WORDS,
        trials=(
            Trial("elastic", "elastic_averaging = TRUE in place of FALSE, one node", "h2o-same", "h2o-elastic"),
            Trial("again", "the same fit once more", "h2o-same", "h2o-again", "control"),
        ),
        covers=("averaging",),
        because="whether weights are averaged is one difference, and has one name",
    ),
    Claim(
        name="lm-glm",
        claim="The Leekasso changed because glm took the place of lm",
        whose="guess of the rebuttal",
        kind="cause",
        gap=LEEKASSO_GAP,
        gap_words=LEEKASSO_WORDS,
        trials=(Trial("glm", "glm in place of lm in R", "lm", "glm"),),
        because="it is about the linear model; the networks have neither",
    ),
    Claim(
        name="liblinear",
        claim="The Leekasso is better in Python because liblinear's solver is more robust than R's",
        whose='the rebuttal: "I would guess [liblinear] is a little more robust than the default solvers in R"',
        kind="cause",
        gap=("glm", "liblinear"),
        gap_words="LIBLINEAR in Python minus R's glm, the same ten pixels",
        source="robustness",
        because="it is about the linear model",
    ),
    Claim(
        name="copy",
        claim='"MLP (Leek)" in Keras is a faithful copy of H2O\'s network',
        whose="claim of the rebuttal",
        kind="same",
        trials=(Trial("copy", '"MLP (Leek)" of the rebuttal\'s code in place of H2O', "h2o", "copy"),),
        because="that two are the same names no difference",
    ),
    Claim(
        name="pixel",
        claim="One pixel is as good as ten",
        whose="remark of others on the debate",
        kind="as good",
        trials=(
            Trial("best", "the best pixel of each draw in place of the Leekasso (lm)", "lm", "best-single-pixel"),
            Trial("centre", "the centre pixel in place of the Leekasso (lm)", "lm", "centre-pixel", "beside"),
        ),
        because="it is about trivial rules",
    ),
)
"In the order in which the debate has them."


def claim_named(name: str) -> Claim:
    """The claim of that name; a RequestError names the nearest."""
    from parity.errors import unknown

    found = {claim.name: claim for claim in CLAIMS}
    if name not in found:
        raise unknown("claim", name, found, where="the debate")
    return found[name]


def guessed() -> Mapping[str, Claim]:
    """Difference, as parity explain names it -> the guess that covers it."""
    return {name: claim for claim in CLAIMS for name in claim.covers}
