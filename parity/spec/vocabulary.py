"""The glossary: one name, one unit and one meaning for what every framework calls and measures in its own way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from parity.errors import unknown
from parity.spec import units
from parity.spec.units import Context, Unit

__all__ = ["GLOSSARY", "Context", "Parameter", "Unit", "parameter"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One quantity or choice that frameworks share, whatever they call it."""

    name: str
    unit: str
    "What its value is measured in; for a choice, what is chosen."
    meaning: str
    consequence: str
    "One sentence that ends a row of a diff: what follows where two engines differ in it."
    units: dict[str, Unit] = field(default_factory=dict, hash=False)
    "Other units that frameworks use."
    absent: Any = None
    "The value that having no such parameter amounts to; None where nothing follows from its absence."

    def convertible(self, unit: str, context: Context) -> bool:
        """Whether the context holds all that a conversion between `unit` and the parameter's own unit needs.

        A RequestError names the nearest unit where the parameter has none of that name.
        """
        if unit == self.unit:
            return True
        if unit not in self.units:
            raise unknown("unit", unit, [self.unit, *self.units], f"the glossary's {self.name}")
        return all(getattr(context, need) is not None for need in self.units[unit].needs)

    def to_canonical(self, value: float, unit: str, context: Context) -> float:
        """A value in `unit`, in the parameter's own unit; ValueError where the context does not suffice."""
        known = self._known(unit, context)
        return value if unit == self.unit else self.units[unit].to_canonical(value, *known)

    def from_canonical(self, value: float, unit: str, context: Context) -> float:
        """A value in the parameter's own unit, in `unit`; ValueError where the context does not suffice."""
        known = self._known(unit, context)
        return value if unit == self.unit else self.units[unit].from_canonical(value, *known)

    def _known(self, unit: str, context: Context) -> list[float]:
        if not self.convertible(unit, context):
            needs = " and ".join(self.units[unit].needs)
            raise ValueError(f"{self.name} in '{unit}' cannot be converted without the {needs} of the fit")
        return [] if unit == self.unit else [getattr(context, need) for need in self.units[unit].needs]


PARAMETERS = (
    # Which function is minimised, over which rows and columns: a difference moves the result however well it is solved.
    Parameter("loss", "name", "What is minimised over the training rows, or the family of the likelihood.",
              "Another loss is another model: its optimum and its probabilities differ however well it is solved."),
    Parameter("link", "name", "Function of the mean that is linear in the features.",
              "Another link bends the probabilities between the classes differently.", absent="logit"),
    Parameter("loss.reduction", "name", "Whether the loss is summed or averaged over the rows.",
              "A summed loss makes every penalty weaker and every gradient larger as rows are added."),
    Parameter("screen.score", "name", "Statistic by which features are ranked.",
              "Another score ranks the features differently, so that the models rest on different columns."),
    Parameter("screen.variances", "equal or unequal",
              "Whether the screen's test pools the variances of the classes.",
              "Pooled and unpooled variances rank features differently where one class varies more.", absent="equal"),
    Parameter("screen.size", "features", "Number of features that the screen keeps.",
              "More features fit the training rows better and, with few rows, new rows worse."),
    Parameter("screen.ties", "rule", "What happens to features of equal score.",
              "Ties broken by position or kept and dropped as a group change the columns and their number."),
    Parameter("screen.missing", "rule", "Where features without a score rank, such as constant ones.",
              "A feature without a score may take the place of one that separates the classes."),
    Parameter("intercept", "true or false",
              "A constant in the linear predictor, or a bias in every unit of a network.",
              "Without it the fit must pass through the origin, which moves every prediction of uncentred data.",
              absent=True),
    Parameter("penalty.strength", "lambda on the mean loss",
              "lambda in mean loss + lambda * ((1 - share) / 2 * |b|^2 + share * |b|_1); a squared loss is halved.",
              "A larger penalty pulls the coefficients towards zero, most where classes are separable.", units.PENALTY,
              absent=0),
    Parameter("penalty.l1_share", "share of the penalty",
              "Share of the penalty that is on absolute values (lasso).",
              "A lasso share sets coefficients to exactly zero; a ridge share only shrinks them.",
              {"share of the squares": units.REST}, absent=0),
    Parameter("penalty.intercept", "weight beside a coefficient's",
              "How strongly the intercept is penalised; 0 is free.",
              "A penalised intercept pulls the predicted share of class 1 towards one half.", units.INTERCEPT_PENALTY,
              absent=0),
    Parameter("penalty.l2", "lambda on the mean loss",
              "lambda in mean loss + lambda / 2 * sum(w^2) of a network.",
              "A larger penalty keeps weights small and the network's probabilities away from 0 and 1.",
              units.NETWORK_L2, absent=0),
    Parameter("penalty.l1", "lambda on the mean loss", "lambda in mean loss + lambda * sum(|w|) of a network.",
              "A larger penalty sets more weights of the network to zero.", units.NETWORK_L1, absent=0),
    Parameter("coefficients.nonnegative", "true or false", "Whether coefficients below 0 are forbidden.",
              "A feature that speaks for class 0 gets no weight at all.", absent=False),
    Parameter("class.weights", "rule", "Weight of a row by its class.",
              "Weighting a class up moves the boundary towards the other class.", absent="equal"),
    Parameter("row.weights", "weights", "Weight of each training row.",
              "Heavier rows pull the fit towards themselves.", absent="none"),
    Parameter("offset", "values", "Known term of the linear predictor.",
              "An offset shifts every predicted value.", absent="none"),
    Parameter("input_scaling", "rule", "How columns are centred and scaled before the fit.",
              "Scaling changes what a penalty weighs and how far one step of training moves each weight.",
              absent="none"),
    Parameter("missing", "rule", "What happens to missing values.",
              "Rows dropped, filled in or refused: two rules train on different data, or one does not train."),
    Parameter("columns.constant", "rule", "What happens to columns that do not vary.",
              "Left out, it changes how wide a network starts; kept, it can make a linear design singular."),
    Parameter("rank.deficiency", "rule", "What happens to columns that others determine.",
              "Dropped columns and a minimum-norm solution agree on the training rows and part on new ones."),
    Parameter("tolerance.rank", "share of the largest singular value",
              "Singular values of the design below it count as zero.",
              "Nearly collinear columns count as dependent on one side only, and new rows are predicted differently."),
    Parameter("tolerance.alias", "share of the column's norm",
              "A column of which less is left beside the earlier ones counts as aliased.",
              "Nearly collinear columns lose their coefficient on one side only."),
    Parameter("threshold", "predicted value", "Cut above which a row is labelled 1.",
              "Another cut labels the rows between the two cuts differently at the same probabilities.", absent=0.5),
    # What a network is, and how it starts.
    Parameter("hidden", "units in each layer", "Units of the hidden layers, input side first.",
              "A larger network can fit more and needs more updates or regularisation."),
    Parameter("activation.hidden", "name", "Activation of the hidden units.",
              "tanh saturates and rectifiers die, so that the same start and steps reach different networks."),
    Parameter("activation.output", "name", "Activation of the output units.",
              "One logistic and two softmax units give the same family of probabilities, but different steps."),
    Parameter("output.units", "units", "Units of the output layer.",
              "Two softmax units have twice the weights of one logistic unit, and twice its step."),
    Parameter("dropout.hidden", "share dropped",
              "Share of each hidden layer's units that is left out of an update.",
              "More dropout fits the training rows more slowly and averages over more networks.",
              {"share kept": units.REST}, absent=0),
    Parameter("dropout.input", "share dropped", "Share of the inputs that is left out of an update.",
              "More dropout spreads the weights over more inputs.", {"share kept": units.REST}, absent=0),
    Parameter("optimizer", "name", "Rule that turns gradients into steps.",
              "After few updates, another rule leaves the network in another place."),
    Parameter("learning_rate", "step over gradient",
              "Factor between the gradient and the step, before any schedule.",
              "A larger rate learns faster until it overshoots; with few updates a small one stays near the start.",
              units.LEARNING_RATE),
    Parameter("epochs", "epochs", "Passes over the training rows, at most.",
              "Fewer passes stop short of the optimum, most visibly for small data sets and small steps.",
              units.PASSES),
    Parameter("batch_size", "rows", "Training rows in one update.",
              "Smaller batches mean more and noisier updates for the same number of epochs."),
    Parameter("momentum", "share of the last step",
              "Share of the last step that is added to the next; at the start.",
              "More momentum lengthens the steps along steady gradients.", {"share given up": units.REST}, absent=0),
    Parameter("momentum.end", "share of the last step", "Momentum after its ramp.",
              "More momentum lengthens the steps along steady gradients, late in training.",
              {"share given up": units.REST}, absent=0),
    Parameter("momentum.ramp", "epochs", "Passes over which momentum goes from its start to its end.",
              "A ramp longer than training means that the end is never reached.", units.PASSES),
    Parameter("nesterov", "form of the momentum",
              "Nesterov's look-ahead, a heavy ball, or the previous step alone.",
              "The forms take steps of different length from the same gradients, unless momentum is 0."),
    Parameter("learning_rate.schedule", "name", "How the learning rate changes in training.",
              "A falling rate settles, and may settle before it has arrived.", absent="constant"),
    Parameter("learning_rate.decay", "per update", "d in rate / (1 + d * updates done).",
              "A stronger decay shortens the later steps, the more the more updates there are.", absent=0),
    Parameter("learning_rate.annealing", "per row", "a in rate / (1 + a * rows trained on).",
              "Stronger annealing shortens the later steps, the more the larger the data.", units.ANNEALING, absent=0),
    Parameter("learning_rate.layer_decay", "factor per layer",
              "Factor on the learning rate from one layer to the next.",
              "A factor below 1 makes the layers near the output learn more slowly.", absent=1),
    Parameter("adaptive.decay", "share kept",
              "Share of the running mean of squared gradients that an update keeps.",
              "A longer memory adapts the steps more slowly and takes longer to warm up.",
              {"share replaced": units.REST}),
    Parameter("adaptive.beta1", "share kept", "Share of the running mean of gradients that an update keeps.",
              "A longer memory smooths the direction of the steps.", {"share replaced": units.REST}),
    Parameter("adaptive.beta2", "share kept",
              "Share of Adam's running mean of squared gradients that an update keeps.",
              "A longer memory adapts the steps more slowly.", {"share replaced": units.REST}),
    Parameter("adaptive.epsilon", "floor of the root mean square",
              "Smallest value by which a gradient is divided in place of its root mean square.",
              "A larger floor shortens the steps of weights whose gradients are small.", units.EPSILON),
    Parameter("adaptive.adadelta_epsilon", "added under both roots",
              "ADADELTA's constant: added to the mean squares of steps and of gradients.",
              "A larger one lengthens the first steps, of which none has been taken before."),
    Parameter("adaptive.form", "name", "Variant of the adaptive rule.",
              "A variant divides by another running mean.", absent="plain"),
    Parameter("init.weights", "distribution", "Distribution of the starting weights.",
              "With few updates the network stays near its start, so that the start is part of the model."),
    Parameter("init.scale", "half-width or sd",
              "Half the width of a uniform, or the sd of a normal, starting distribution.",
              "Larger starting weights saturate tanh units and make the first predictions more extreme."),
    Parameter("init.biases", "distribution", "Distribution of the starting biases.",
              "Biases above zero switch every rectifier on at the start."),
    Parameter("init.values", "values", "Starting values that are given.",
              "A start near the optimum hides how a solver stops short of it.", absent="none"),
    Parameter("penalty.decay", "share over learning rate",
              "Share of every weight that an update takes off, over the rate.",
              "Decay keeps weights small; for adaptive rules it is not a penalty on the loss.", absent=0),
    Parameter("penalty.max_norm", "norm", "Largest norm of the weights into a unit.",
              "A cap on the norm bounds each unit's input.", {"squared norm": units.SQUARED}, absent="none"),
    Parameter("gradient.clip.norm", "norm", "Largest norm of the gradient of one array.",
              "Clipping shortens the longest steps.", absent="none"),
    Parameter("gradient.clip.global_norm", "norm", "Largest norm of the whole gradient.",
              "Clipping shortens the longest steps.", absent="none"),
    Parameter("gradient.clip.value", "value", "Largest component of the gradient.",
              "Clipping bends the longest steps.", absent="none"),
    Parameter("gradient.accumulation", "batches", "Batches whose gradients are added up for one update.",
              "More batches in an update mean fewer updates.", absent=1),
    Parameter("averaging", "true or false", "Whether the weights of past updates are averaged.",
              "Averaged weights lag behind and vary less.", absent=False),
    # When training ends, and which model is returned.
    Parameter("stopping.patience", "looks", "Looks without improvement after which training ends.",
              "Less patience ends training earlier.", absent="none"),
    Parameter("stopping.tolerance", "decrease of the mean loss", "Decrease that counts as an improvement.",
              "A larger one ends training earlier.", units.IMPROVEMENT),
    Parameter("stopping.metric", "name", "What training is judged by, and on which rows.",
              "Training ends at another time, or another of its models is returned."),
    Parameter("stopping.validation_fraction", "share of the rows",
              "Share of the training rows kept back to judge training by.",
              "Rows kept back are not learnt from.", {"share trained on": units.REST}, absent=0),
    Parameter("stopping.training_error", "share misclassified",
              "Error on the training rows at which training ends.",
              "Training ends as soon as the training rows are separated, however uncertain the probabilities.",
              {"share correct": units.REST}, absent="none"),
    Parameter("stopping.best_model", "true or false",
              "Whether the best model seen is returned in place of the last.",
              "The model returned may be one from long before the end.", absent=False),
    Parameter("stopping.time", "seconds", "Time after which training ends.",
              "A slower machine returns another model.", absent="none"),
    Parameter("scoring.every", "epochs", "Passes between two looks at the metric.",
              "Training can end, and the best model be found, only at a look.", units.PASSES),
    Parameter("scoring.interval", "seconds", "Shortest time between two looks at the metric.",
              "Training can end only at a look, so that the speed of the machine matters."),
    Parameter("scoring.rows", "rows", "Training rows that are looked at.",
              "The best model is the best on those rows alone."),
    Parameter("scoring.time_share", "share of the time", "Largest share of the time that is spent on looks.",
              "Training can end only at a look, so that the speed of the machine matters.",
              {"share trained": units.REST}),
    # How, and how closely, the optimum of a given function is approached.
    Parameter("solver", "name", "Algorithm that approaches the optimum of the same function.",
              "Solvers agree at a unique optimum and part where it is flat, far away or stopped short of."),
    Parameter("iterations", "iterations", "Iterations of a linear model's solver, at most.",
              "A cap: it counts only where the solver reaches it, and steps of different solvers are not comparable."),
    Parameter("tolerance.gradient", "largest component of the mean loss's gradient",
              "Gradient at which the solver stops.",
              "A looser tolerance stops further from the optimum, most on nearly separable classes.", units.GRADIENT),
    Parameter("tolerance.gradient_fall", "norm over that at the start",
              "Fall of the gradient's norm at which the solver stops.",
              "A looser tolerance stops further from the optimum, most on nearly separable classes.",
              units.GRADIENT_FALL),
    Parameter("tolerance.deviance", "relative change",
              "Change of the deviance at which the solver stops, over 0.1 + deviance.",
              "A looser tolerance stops further from the optimum, and on separable classes it alone decides where.",
              units.DEVIANCE_CHANGE),
    Parameter("tolerance.objective", "relative change", "Change of the objective at which the solver stops.",
              "A looser tolerance stops further from the optimum.", units.OBJECTIVE_CHANGE),
    Parameter("tolerance.coefficients", "absolute change",
              "Largest change of a coefficient at which the solver stops.",
              "A looser tolerance stops further from the optimum.", units.COEFFICIENT_CHANGE),
    Parameter("covariance", "estimator", "Estimator of the coefficients' covariance.",
              "Standard errors and p-values differ; coefficients and predictions do not."),
    # What should change a result only by chance.
    Parameter("shuffle", "true or false", "Whether rows are visited in a new order in every epoch.",
              "A fixed order repeats itself in every epoch; a new one makes the result depend on the seed."),
    Parameter("seed", "seed", "Start of the random numbers.",
              "Seeds mean different numbers in different libraries."),
    Parameter("deterministic", "true or false", "Whether two identical fits must agree bit for bit.",
              "Without it two identical fits may differ by as much as two frameworks do."),
    Parameter("threads", "threads", "Threads that share the work.",
              "Sums in another order differ in the last digits; racing updates differ by more."),
)  # fmt: skip
"""In the order in which a difference is likely to matter for the fitted result: first what is minimised and on which
rows and columns, then the network and its steps, then when training ends, then how closely an optimum is approached."""

GLOSSARY = {parameter.name: parameter for parameter in PARAMETERS}


def parameter(name: str) -> Parameter:
    """The parameter of that name; a RequestError names the nearest one where there is none."""
    if name not in GLOSSARY:
        raise unknown("canonical parameter", name, GLOSSARY)
    return GLOSSARY[name]
