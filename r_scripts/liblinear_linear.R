# A Linear in LIBLINEAR's own terms: which solver, which cost, and where it is to stop.
#
# LIBLINEAR minimises |w|^2 / 2 + C * sum(loss), or |w|_1 + C * sum(loss), with the intercept, a weight on a constant
# column, among w; the squared loss is not halved. Its gradient is that of the mean loss with its penalty, over lambda.

# The loss and the penalty that a type stands for: L2R_LR, L1R_LR, L2R_LR_DUAL, and L2R_L2LOSS_SVR, which is ridge
# regression where svr_eps is 0. The other types have another loss; type 12, the dual of 11, stops at a share of what
# its first pass leaves, which no gradient corresponds to.
expressible_types <- list(
  `0` = c(loss = "logistic", penalty = "l2"), `6` = c(loss = "logistic", penalty = "l1"),
  `7` = c(loss = "logistic", penalty = "l2"), `11` = c(loss = "squares", penalty = "l2")
)

type_of <- function(spec, options) {
  option(option(options, "overrides", list()), "type", if (least_squares(spec)) 11L else if (spec$l1 > 0) 6L else 0L)
}

arguments_linear <- function(spec, options) {
  type <- type_of(spec, options)
  # What cannot be expressed has no cost either; the fit refuses it and the translation lists it.
  if (length(linear_gaps(spec, options))) {
    return(list(type = type))
  }
  lambda <- spec$l1 + spec$l2
  halved <- if (least_squares(spec)) 2 * lambda else lambda
  list(
    type = type,
    cost = bquote(1 / (.(halved) * nrow(x_train))),
    # A negative bias means no constant column.
    bias = if (spec$intercept == "penalised") 1 else -1,
    epsilon = stopping(spec, type),
    svr_eps = if (least_squares(spec)) 0
  )
}

# epsilon for the tolerance that is pinned, as code that computes it from the rows.
stopping <- function(spec, type) {
  x <- quote(x_train[, selected, drop = FALSE])
  if (spec$intercept == "penalised") x <- bquote(cbind(.(x), 1))
  # The gradient of the mean loss where all coefficients are zero, from which the primal solvers start.
  centred <- if (least_squares(spec)) quote(y_train) else quote(y_train - 0.5)
  start <- bquote(crossprod(.(x), .(centred)) / nrow(x_train))
  tolerance <- spec$tolerance
  # Types 0 and 6 multiply epsilon by the smaller class's share of the rows (primal_solver_tol in train_one).
  share <- quote(max(min(sum(y_train > 0), sum(y_train <= 0)), 1) / nrow(x_train))
  switch(as.character(type),
    # TRON stops where the norm of the gradient is at most epsilon times that of the start.
    `0` = bquote(.(tolerance) / (.(share) * max(sqrt(sum((.(start))^2)), .(tolerance)))),
    `11` = bquote(.(tolerance) / max(sqrt(sum((.(start))^2)), .(tolerance))),
    # newGLMNET does so with the sum of what each component violates the optimum by, which at 0 is |gradient| - l1.
    `6` = bquote(.(tolerance) / (.(share) * max(sum(pmax(abs(.(start)) - .(spec$l1), 0)), .(tolerance)))),
    # The dual stops where no row's dual gradient g is above epsilon. A row's weight is then C * sigma(g - margin) where
    # C * sigma(-margin) is meant; sigma rises by 1/4 at most, so component j is off by at most epsilon / 4 * mean|x_j|.
    `7` = bquote(4 * .(tolerance) / max(colMeans(abs(.(x)))))
  )
}

linear_gaps <- function(spec, options) {
  if (!is_linear(spec)) {
    return(list())
  }
  type <- as.character(type_of(spec, options))
  meant <- expressible_types[[type]]
  gap <- function(holds, parameter, reason) if (holds) list(cannot_express(parameter, reason))
  as.list(c(
    gap(spec$l1 + spec$l2 == 0, "l2", "LIBLINEAR minimises a penalty and cost times the loss, never the loss alone"),
    gap(spec$l1 > 0 && spec$l2 > 0, "l1", "LIBLINEAR has a penalty on squares or on absolute values, not both at once"),
    gap(spec$l1 > 0 && least_squares(spec), "l1", "LIBLINEAR's squared loss comes with the penalty on squares alone"),
    gap(
      intercept_of(spec) == "free", "intercept",
      "LIBLINEAR's intercept is the weight of a constant column, penalised as every weight"
    ),
    gap(is.null(meant), "type", paste("type", type, "minimises another loss, or has no tolerance on the gradient")),
    if (!is.null(meant)) {
      penalty <- names(Filter(function(value) value > 0, spec[c("l1", "l2")]))
      gap(
        meant[["loss"]] != spec$loss || (length(penalty) == 1 && meant[["penalty"]] != penalty), "type",
        sprintf("type %s is for the loss '%s' with the penalty %s", type, meant[["loss"]], meant[["penalty"]])
      )
    }
  ))
}

# What ends a solver besides epsilon, written into tron.cpp and linear.cpp.
linear_notes <- function(spec, options) {
  if (!is_linear(spec)) {
    return(list())
  }
  untold <- "; no argument moves it, and nothing tells whether it did"
  tron <- paste0("TRON also stops where the objective changes by less than this share of itself", untold)
  list(switch(as.character(type_of(spec, options)),
    `0` = ,
    `11` = added("objective change", 1e-12, tron),
    `6` = added("iterations", 100, paste0("newGLMNET also stops after as many steps", untold)),
    added("iterations", 1000, paste0("the solver also stops after as many passes over the rows", untold))
  ))
}
