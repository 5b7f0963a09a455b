# Native arguments of h2o.deeplearning: what a specification and the options pin, and what H2O cannot express.

arguments_mlp <- function(spec, options) {
  arguments <- c(layers_of(spec, options), rule_of(spec), start_of(spec, options), course_of(spec, options))
  overridden(Filter(Negate(is.null), arguments), options, known_h2o("deeplearning"))
}

layers_of <- function(spec, options) {
  dropout <- option(spec, "dropout", 0)
  list(
    activation = paste0(switch(spec$activation, tanh = "Tanh", relu = "Rectifier"), if (dropout > 0) "WithDropout"),
    hidden = as.integer(unlist(spec$hidden)),
    # H2O draws the weights before it counts epochs: after none, the model is the network as it starts.
    epochs = if (isTRUE(option(options, "untrained"))) 0 else spec$epochs,
    hidden_dropout_ratios = if (dropout > 0) rep(dropout, length(spec$hidden)),
    loss = if (!is.null(option(spec, "loss"))) "CrossEntropy"
  )
}

# What an update does.
rule_of <- function(spec) {
  every_input <- option(spec, "momentum", 0) > 0 || option(spec, "l2", 0) > 0 || !is.null(option(spec, "rho"))
  c(
    switch(option(spec, "optimizer", "own"), sgd = sgd_of(spec), adadelta = list(
      adaptive_rate = TRUE, rho = option(spec, "rho"), epsilon = option(spec, "epsilon")
    )),
    list(
      l2 = option(spec, "l2"),
      # Otherwise the weights of an input of 0 are left alone, though what they remember moves them.
      fast_mode = if (every_input) FALSE,
      mini_batch_size = option(spec, "batch_size")
    )
  )
}

sgd_of <- function(spec) {
  rate <- option(spec, "learning_rate")
  nesterov <- option(spec, "nesterov")
  momentum <- option(spec, "momentum", 0)
  list(
    adaptive_rate = FALSE,
    # H2O's steps are rate * (1 - momentum) long (bpropOutputLayer in hex/deeplearning/Neurons.java).
    rate = if (!is.null(rate)) rate / (1 - momentum), rate_annealing = option(spec, "learning_rate_decay"),
    momentum_start = option(spec, "momentum"), momentum_stable = option(spec, "momentum"),
    # Whatever its name, TRUE is the heavy ball; FALSE adds the step before this one, without its momentum.
    nesterov_accelerated_gradient = if (!is.null(nesterov)) momentum > 0 || nesterov
  )
}

# What the network starts from, and of which inputs.
start_of <- function(spec, options) {
  start <- !is.null(option(options, "initial_weights"))
  list(
    standardize = switch(option(spec, "input_scaling", "own"),
      standardize = TRUE, none = FALSE, "divide-by-255" = FALSE
    ),
    # Glorot's interval +-sqrt(6 / (fan in + fan out)), but four times as wide for a classifier's output layer
    # (randomizeWeights in H2O's DeepLearningModelInfo.java).
    initial_weight_distribution = if (identical(option(spec, "init"), "glorot-uniform")) "UniformAdaptive",
    # A column that does not vary has weights like any other, and they count at prediction.
    ignore_const_cols = if (start || !is.null(option(spec, "init"))) FALSE,
    initial_weights = if (start) starting_weights, initial_biases = if (start) starting_biases
  )
}

# How long it is trained, in which order, and what is kept of it.
course_of <- function(spec, options) {
  traced <- !is.null(option(options, "trace"))
  whole <- identical(option(spec, "stopping"), "none") || traced
  ordered <- own_order(spec, options)
  list(
    # Three rules end training early or go back to an earlier model: convergence of the score, no error left on
    # the training rows, and the best model's return.
    stopping_rounds = if (whole) 0, classification_stop = if (whole) -1,
    overwrite_with_best_model = if (whole) FALSE,
    export_weights_and_biases = if (traced) TRUE else true_or_null(options, "weights"),
    # 0: the server counts, shuffles and scores by epochs.
    train_samples_per_iteration = if (ordered) 0,
    # A seed alone repeats nothing, since threads race for the weights; reproducible = TRUE does, on one thread. It is
    # not set along with the seed: it scores so often that classification_stop (no error left on the training rows) ends
    # training early, after 3 epochs where 20 are run without it.
    reproducible = if (ordered) TRUE else true_or_null(options, "repeatable"),
    seed = option(options, "seed", if (ordered) 1L else seed_of(options))
  )
}

# Whether the rows are to be visited in the order that h2o_row_order.R tells.
own_order <- function(spec, options) {
  !is.null(option(spec, "order")) || !is.null(option(options, "trace")) || !is.null(option(options, "row_order"))
}

# H2O keeps (out, in). as.h2o writes 15 digits, of which a float32 needs 9.
starting_weights <- quote(lapply(initial_weights$weights, function(w) h2o::as.h2o(as.data.frame(t(w)))))
starting_biases <- quote(lapply(initial_weights$biases, function(b) h2o::as.h2o(data.frame(b = as.numeric(b)))))

true_or_null <- function(options, name) if (isTRUE(option(options, name))) TRUE

gaps_mlp <- function(spec, options) {
  gap <- function(parameter, unless, reason) {
    if (!is.null(option(spec, parameter)) && !unless) list(cannot_express(parameter, reason))
  }
  sgd <- identical(option(spec, "optimizer"), "sgd")
  ada <- identical(option(spec, "optimizer"), "adadelta")
  needs_sgd <- "only plain SGD takes it; H2O's ADADELTA does not"
  decay <- if (sgd) "the rate falls by this formula, but once an iteration (an epoch)" else needs_sgd
  adam <- "it belongs to Adam, which H2O lacks"
  own <- paste(
    "H2O's ADADELTA is one of its own: its roots are up to 5% off, and a bias is divided by that of its unit's mean",
    "squared weight gradient (hex/deeplearning/Neurons.java)"
  )
  as.list(c(
    gap("output", identical(option(spec, "output"), "softmax"), "H2O's output for two classes is two softmax units"),
    gap("optimizer", sgd || ada, "H2O has ADADELTA and plain SGD"), gap("rho", !ada, own),
    gap("learning_rate", sgd || (ada && spec$learning_rate == 1), needs_sgd),
    gap("momentum", sgd, needs_sgd),
    gap("nesterov", sgd && !(option(spec, "momentum", 0) > 0 && spec$nesterov), if (sgd) {
      "its nesterov_accelerated_gradient is the heavy ball"
    } else {
      needs_sgd
    }),
    gap("learning_rate_decay", identical(as.numeric(option(spec, "learning_rate_decay", 0)), 0), decay),
    gap("beta1", FALSE, adam), gap("beta2", FALSE, adam),
    gap("rho", ada, "H2O's ADADELTA alone takes it"), gap("epsilon", ada, "H2O's ADADELTA alone takes it"),
    gap(
      "dropout_scaling", option(spec, "dropout", 0) == 0 || identical(spec$dropout_scaling, "at-prediction"),
      "H2O multiplies hidden outputs by the share kept when it predicts (hex/deeplearning/Neurons.java)"
    ),
    gap("l2", option(spec, "l2", 0) == 0, "H2O penalises the biases as well"),
    gap("batch_size", option(spec, "batch_size", 1) == 1, "H2O updates after every row, whatever mini_batch_size says"),
    gap("order", FALSE, "H2O shuffles by itself; h2o_row_order.R tells how"),
    gap("precision", identical(option(spec, "precision"), "float32"), "H2O keeps its weights in float32"),
    gap(
      "init", !is.null(option(options, "initial_weights")),
      "UniformAdaptive is Glorot's, but 4 times as wide at the output; biases of a Rectifier start at 0.5 and 1"
    )
  ))
}
