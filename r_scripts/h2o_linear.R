# A Linear in h2o.glm's terms, whose objective is the same: mean loss + lambda * (alpha * sum(|b|) + (1 - alpha) / 2 *
# sum(b^2)), the squared loss halved, the intercept free.

arguments_linear <- function(spec, options) {
  lambda <- spec$l1 + spec$l2
  list(
    family = if (least_squares(spec)) "gaussian" else "binomial",
    lambda = lambda, alpha = if (lambda > 0) spec$l1 / lambda else 0,
    standardize = FALSE, solver = solver_of(spec), intercept = intercept_of(spec) != "none",
    # Without an intercept a column that does not vary is not one too many.
    ignore_const_cols = if (intercept_of(spec) == "none") FALSE,
    beta_epsilon = smallest_step, gradient_epsilon = spec$tolerance, objective_epsilon = smallest_gain,
    max_iterations = patience,
    seed = seed_of(options)
  )
}

# IRLSM solves its equations directly, but a lasso by ADMM to four digits, and on badly scaled columns its line search
# gives up earlier on the logistic loss (a gradient of 1e-6) than that of coordinate descent (1e-8).
solver_of <- function(spec) if (least_squares(spec) && spec$l1 == 0) "IRLSM" else "COORDINATE_DESCENT"

# gradient_epsilon is the pinned tolerance, but L_BFGS alone looks at it. The two other rules, any of which stops every
# solver, are set to where rounding begins: a largest change of a coefficient, and a share of the objective. Not 0: a
# step that changes nothing would then count as progress.
smallest_step <- 1e-15
smallest_gain <- 1e-16

# Steps: hundreds have been seen of L_BFGS on badly scaled columns, ten of the others.
patience <- 10000L

linear_gaps <- function(spec, options) {
  if (!is_linear(spec)) {
    return(list())
  }
  solver <- option(option(options, "overrides", list()), "solver", solver_of(spec))
  as.list(c(
    if (intercept_of(spec) == "penalised") {
      list(cannot_express("intercept", "h2o.glm leaves its intercept out of the penalty"))
    },
    # Measured on 3.44.0.3: a gradient of 0.05 to 4 is left, and on some rows the server cannot predict with the model.
    if (solver == "L_BFGS" && spec$l1 > 0) {
      list(cannot_express("solver", "L_BFGS meets a lasso by ADMM, which stops far from the optimum or fails"))
    }
  ))
}

linear_notes <- function(spec, arguments) {
  if (!is_linear(spec)) {
    return(list())
  }
  rounding <- "the tolerance is on the gradient, at which L_BFGS alone looks; this rule is set to where rounding begins"
  c(
    list(added("beta_epsilon", smallest_step, rounding), added("objective_epsilon", smallest_gain, rounding)),
    if (spec$l1 > 0 && arguments$solver == "IRLSM") {
      list(added("ADMM tolerance", 1e-4, "IRLSM meets a lasso by ADMM, whose tolerance no argument moves"))
    }
  )
}
