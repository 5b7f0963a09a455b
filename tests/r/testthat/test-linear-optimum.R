# A Linear pins its objective: wherever an engine can express one, its answer is that objective's optimum. The optimum
# conditions (KKT) are written out here in plain R, and no engine's own word is taken for it.

skip_if_not_installed("genefilter")

linear <- function(...) {
  utils::modifyList(list(
    family = "linear", loss = "squares", l1 = 0, l2 = 0, intercept = "free", tolerance = 1e-10, screen = "f-test",
    ties = "average", threshold = 0.5
  ), list(...))
}

# Overlapping classes, or any numbers, and columns that are not centred; badly scaled ones run from 1e-3 to 1e3.
drawn_linear <- function(loss, badly_scaled, seed, n = 200, p = 7) {
  set.seed(seed)
  x <- matrix(rnorm(n * p), n, p) + rnorm(p)[col(matrix(0, n, p))]
  predictor <- drop(x %*% rnorm(p, sd = 0.5))
  y <- if (loss == "squares") predictor + rnorm(n) else as.integer(runif(n) < plogis(predictor - mean(predictor)))
  if (badly_scaled) x <- sweep(x, 2, 10^seq(-3, 3, length.out = p), "*")
  colnames(x) <- paste0("pixel", seq_len(p))
  list(x = x, y = y)
}

# The largest component of the objective's gradient; where a coefficient is 0, what of it the lasso does not cover.
kkt_residual <- function(spec, rows, coefficients) {
  b <- unlist(coefficients)
  x <- cbind(1, rows$x)
  fitted <- drop(x %*% b)
  mean_of <- if (spec$loss == "squares") fitted else plogis(fitted)
  penalised <- c(spec$intercept == "penalised", rep(TRUE, ncol(rows$x)))
  gradient <- crossprod(x, mean_of - rows$y)[, 1] / nrow(x) + spec$l2 * penalised * b
  l1 <- spec$l1 * penalised
  residual <- ifelse(b == 0, pmax(abs(gradient) - l1, 0), abs(gradient + l1 * sign(b)))
  max(if (spec$intercept == "none") residual[-1] else residual)
}

penalties <- list(none = list(l1 = 0, l2 = 0), l1 = list(l1 = 0.05, l2 = 0), l2 = list(l1 = 0, l2 = 0.05), both = list(
  l1 = 0.03, l2 = 0.02
))

# Every Linear that the tests ask for, named by what it is.
all_linear <- local({
  asked <- expand.grid(
    loss = c("squares", "logistic"), penalty = names(penalties), intercept = c("free", "penalised", "none"),
    stringsAsFactors = FALSE
  )
  specs <- Map(function(loss, penalty, intercept) {
    do.call(linear, c(list(loss = loss, intercept = intercept), penalties[[penalty]]))
  }, asked$loss, asked$penalty, asked$intercept)
  stats::setNames(specs, paste(asked$loss, asked$penalty, asked$intercept))
})

can_express <- function(engine, spec, options) length(engine$translate(spec, options)$not_expressible) == 0

# limit: of the residual. Returns how many specifications the engine can express and was held to.
expect_optimum <- function(engine, options, badly_scaled, limit, seeds = 1:3, specs = all_linear) {
  expressed <- Filter(function(spec) can_express(engine, spec, options), specs)
  for (name in names(expressed)) {
    spec <- expressed[[name]]
    for (seed in seeds) {
      rows <- drawn_linear(spec$loss, badly_scaled, seed)
      fitted <- engine$fit(spec, rows, rows, options)
      expect_lte(
        kkt_residual(spec, rows, fitted$parameters$coefficients), limit,
        label = paste(name, "seed", seed, "badly scaled"[badly_scaled], "KKT residual")
      )
      if (spec$intercept == "none") expect_identical(fitted$parameters$coefficients$`(intercept)`, 0)
    }
  }
  length(expressed)
}

# What is pinned.
pinned <- 1e-10

of_penalty <- function(penalty, loss = "") all_linear[grepl(paste0("^", loss, ".* ", penalty, " "), names(all_linear))]

overriding <- function(...) list(overrides = list(...))

test_that("lm and glm stand at the optimum, well or badly scaled, where nothing is penalised", {
  for (badly_scaled in c(FALSE, TRUE)) {
    expect_identical(expect_optimum(engine("stats"), list(), badly_scaled, pinned), 6L)
  }
})

test_that("glmnet stands at every optimum with a free intercept or none, whichever way it takes there", {
  skip_if_not_installed("glmnet")
  ways <- list(
    list(), overriding(type.gaussian = "naive"), overriding(type.gaussian = "covariance"),
    overriding(type.logistic = "Newton"), overriding(type.logistic = "modified.Newton")
  )
  expected <- c(18L, 9L, 9L, 9L, 9L)
  for (i in seq_along(ways)) {
    for (badly_scaled in c(FALSE, TRUE)) {
      expect_identical(expect_optimum(engine("glmnet"), ways[[i]], badly_scaled, pinned), expected[i])
    }
  }
})

# TRON stops where the objective falls by less than 1e-12 of itself, whatever epsilon says. With a curvature of the
# columns' mean square (1 to 10 here, and up to 1e6 where badly scaled) that is a gradient of about 1e-6 (1e-3).
tron <- list(well = 1e-6, badly = 1e-3)

test_that("LIBLINEAR's primal solvers stop within what their own second rule allows", {
  skip_if_not_installed("LiblineaR")
  for (options in list(overriding(type = 0L), overriding(type = 11L))) {
    expect_identical(expect_optimum(engine("liblinear"), options, FALSE, tron$well), 2L)
    expect_identical(expect_optimum(engine("liblinear"), options, TRUE, tron$badly), 2L)
  }
})

test_that("LIBLINEAR's dual solver and its lasso meet the pinned tolerance on well scaled columns", {
  skip_if_not_installed("LiblineaR")
  for (options in list(overriding(type = 7L), overriding(type = 6L))) {
    expect_identical(expect_optimum(engine("liblinear"), options, FALSE, pinned), 2L)
  }
})

test_that("on badly scaled columns LIBLINEAR's caps on its steps come first, and it says nothing", {
  skip_if_not_installed("LiblineaR")
  # newGLMNET's 100 steps get close, the dual's 1000 passes do not.
  expect_identical(expect_optimum(engine("liblinear"), overriding(type = 6L), TRUE, 1e-4), 2L)
  rows <- drawn_linear("logistic", TRUE, 1)
  spec <- linear(loss = "logistic", l2 = 0.05, intercept = "penalised")
  dual <- engine("liblinear")$fit(spec, rows, rows, overriding(type = 7L))
  expect_gt(kkt_residual(spec, rows, dual$parameters$coefficients), 1)
  expect_length(dual$messages, 0)
})

test_that("the tolerance reaches LIBLINEAR and glmnet: a looser one stops them earlier, but not before it is met", {
  skip_if_not_installed("LiblineaR")
  skip_if_not_installed("glmnet")
  rows <- drawn_linear("logistic", FALSE, 2)
  stop_at <- function(name, options, spec) {
    result <- engine(name)$fit(spec, rows, rows, options)
    kkt_residual(spec, rows, result$parameters$coefficients)
  }
  loose <- 1e-3
  cases <- list(
    list("liblinear", overriding(type = 0L), linear(loss = "logistic", l2 = 0.05, intercept = "penalised")),
    list("liblinear", overriding(type = 7L), linear(loss = "logistic", l2 = 0.05, intercept = "penalised")),
    list("liblinear", overriding(type = 6L), linear(loss = "logistic", l1 = 0.05, intercept = "penalised")),
    list("glmnet", overriding(type.logistic = "modified.Newton"), linear(loss = "logistic", l2 = 0.05))
  )
  for (case in cases) {
    early <- stop_at(case[[1]], case[[2]], utils::modifyList(case[[3]], list(tolerance = loose)))
    expect_lte(early, loose)
    expect_gt(early, 10 * stop_at(case[[1]], case[[2]], case[[3]]))
  }
})

test_that("the printed code computes what the fit computed", {
  fit_and_print <- function(name, spec, options, rows) {
    engine <- engine(name)
    result <- engine$fit(spec, rows, rows, options)
    printed <- run_code(engine$translate(spec, options)$code, rows, rows)
    expect_identical(as.numeric(printed$probability), result$probability, label = paste(name, spec$loss))
    expect_identical(as.integer(printed$label), result$label)
  }
  # Penalties that 15 digits do not hold.
  cases <- list(
    stats = linear(), stats = linear(loss = "logistic", intercept = "none"),
    liblinear = linear(loss = "logistic", l1 = 1 / 30, intercept = "penalised"),
    liblinear = linear(loss = "logistic", l2 = 1 / 30, intercept = "none"),
    liblinear = linear(l2 = 1 / 30, intercept = "penalised"),
    glmnet = linear(l1 = 1 / 30, l2 = 1 / 70), glmnet = linear(loss = "logistic", l2 = 1 / 30, intercept = "none")
  )
  for (i in seq_along(cases)) {
    package <- c(stats = "stats", liblinear = "LiblineaR", glmnet = "glmnet")[[names(cases)[i]]]
    skip_if_not_installed(package)
    rows <- drawn_linear(cases[[i]]$loss, FALSE, 5)
    # newGLMNET visits the columns in an order that it draws.
    fit_and_print(names(cases)[i], cases[[i]], list(seed = 1L), rows)
    fit_and_print(names(cases)[i], cases[[i]], list(seed = 1L, selected = c("pixel5", "pixel2")), rows)
  }
})

test_that("what an engine cannot express is refused with the parameter and the reason that the translation lists", {
  refused <- list(
    list("stats", linear(l1 = 0.1), list(), "l1"), list("stats", linear(loss = "logistic", l2 = 0.1), list(), "l2"),
    list("liblinear", linear(loss = "logistic", intercept = "none"), list(), "l2"),
    list("liblinear", linear(loss = "logistic", l2 = 0.1), list(), "intercept"),
    list("liblinear", linear(loss = "logistic", l1 = 0.1, l2 = 0.1, intercept = "none"), list(), "l1"),
    list("liblinear", linear(l1 = 0.1, intercept = "none"), list(), c("l1", "type")),
    list("liblinear", linear(loss = "logistic", l1 = 0.1, intercept = "none"), overriding(type = 0L), "type"),
    list("liblinear", linear(loss = "logistic", l2 = 0.1, intercept = "none"), overriding(type = 6L), "type"),
    list("liblinear", linear(loss = "logistic", l2 = 0.1, intercept = "none"), overriding(type = 3L), "type"),
    list("glmnet", linear(l2 = 0.1, intercept = "penalised"), list(), "intercept"),
    list("glmnet", linear(l2 = 0.1), list(selected = "pixel1"), "selected"),
    list("glmnet", linear(l2 = 0.1), overriding(type.logistic = "Newton"), "type.logistic"),
    list("h2o", linear(l2 = 0.1, intercept = "penalised"), list(), "intercept"),
    list("h2o", linear(l1 = 0.1), overriding(solver = "L_BFGS"), "solver")
  )
  packages <- c(stats = "stats", liblinear = "LiblineaR", glmnet = "glmnet", h2o = "h2o")
  for (case in refused) {
    skip_if_not_installed(packages[[case[[1]]]])
    engine <- engine(case[[1]])
    gaps <- engine$translate(case[[2]], case[[3]])$not_expressible
    expect_identical(vapply(gaps, `[[`, "", "parameter"), case[[4]])
    rows <- drawn_linear(case[[2]]$loss, FALSE, 1)
    for (gap in gaps) {
      expect_error(engine$fit(case[[2]], rows, rows, case[[3]]), paste0(gap$parameter, ": ", gap$reason), fixed = TRUE)
    }
  }
})

test_that("an intercept that is penalised where nothing is penalised is free", {
  rows <- drawn_linear("squares", FALSE, 3)
  fitted <- function(intercept) engine("stats")$fit(linear(intercept = intercept), rows, rows, list())$parameters
  expect_identical(fitted("penalised"), fitted("free"))
})

test_that("classes that are handed over as real numbers are the same as whole ones", {
  rows <- drawn_linear("logistic", FALSE, 4)
  real <- list(x = rows$x, y = as.numeric(rows$y))
  cases <- list(
    stats = linear(loss = "logistic"), liblinear = linear(loss = "logistic", l1 = 0.05, intercept = "none"),
    glmnet = linear(loss = "logistic", l1 = 0.05)
  )
  for (name in names(cases)) {
    skip_if_not_installed(c(stats = "stats", liblinear = "LiblineaR", glmnet = "glmnet")[[name]])
    fitted <- function(rows) engine(name)$fit(cases[[name]], rows, rows, list(seed = 1L))$parameters
    expect_identical(fitted(real), fitted(rows))
  }
})

test_that("the table of defaults of a Linear names no screen and shows the values that were asked for", {
  rows <- drawn_linear("logistic", FALSE, 4)
  skip_if_not_installed("LiblineaR")
  spec <- linear(loss = "logistic", l2 = 0.05, intercept = "penalised")
  table <- engine("liblinear")$defaults(spec, rows, list())
  expect_identical(functions_of(table), c("LiblineaR::LiblineaR", "LiblineaR:::predict.LiblineaR"))
  # C multiplies the summed loss beside half the squared norm: 1 / (lambda * n).
  expect_equal(rows_of(table, "LiblineaR::LiblineaR")$cost$asked, 1 / (0.05 * 200))
  stats <- engine("stats")$defaults(linear(loss = "logistic"), rows, list())
  expect_identical(rows_of(stats, "stats::glm.control")$epsilon$effective, 1e-14)
})

test_that("h2o.glm stands at every optimum with a free intercept or none, as near as its solvers go", {
  skip_if_not_installed("h2o")
  server <- h2o_server()
  skip_if(is.null(server), "H2O_JAR_PATH names no jar, there is no Java, or the server did not start")
  h2o <- engine("h2o")
  held <- function(options, badly_scaled, limit, specs) {
    expect_optimum(h2o, c(list(server = server), options), badly_scaled, limit, seeds = 1, specs = specs)
  }
  expect_identical(held(list(), FALSE, pinned, of_penalty("both")), 4L)
  # Where rounding makes the objective rise its line search ends the fit: up to 1e-8 on badly scaled columns.
  expect_identical(held(list(), TRUE, 1e-7, all_linear), 18L)
  expect_identical(held(overriding(solver = "COORDINATE_DESCENT_NAIVE"), TRUE, pinned, of_penalty("both")), 4L)
  # Least squares is one set of equations for IRLSM; ADMM solves its lasso to the digits that H2O's source sets.
  expect_identical(held(overriding(solver = "IRLSM"), TRUE, pinned, of_penalty("l2", "squares")), 2L)
  expect_identical(held(overriding(solver = "IRLSM"), FALSE, 1e-2, of_penalty("l1")), 4L)
  # L_BFGS cannot see a gain in an objective that rounds to the same number: a gradient of 1e-8 here.
  expect_identical(held(overriding(solver = "L_BFGS"), FALSE, 1e-6, of_penalty("l2")), 4L)
})

test_that("h2o.glm's printed code computes what the fit computed", {
  skip_if_not_installed("h2o")
  server <- h2o_server()
  skip_if(is.null(server), "H2O_JAR_PATH names no jar, there is no Java, or the server did not start")
  for (spec in list(linear(l1 = 1 / 30, l2 = 1 / 70), linear(loss = "logistic", l2 = 1 / 30, intercept = "none"))) {
    rows <- drawn_linear(spec$loss, FALSE, 5)
    options <- list(server = server, selected = c("pixel5", "pixel2"))
    result <- engine("h2o")$fit(spec, rows, rows, options)
    printed <- run_code(engine("h2o")$translate(spec, options)$code, rows, rows)
    # The rows of the two are uploaded anew, and threads sum them in their own order.
    expect_equal(as.numeric(printed$probability), result$probability, tolerance = 1e-12)
    expect_identical(printed$label, result$label)
  }
})
