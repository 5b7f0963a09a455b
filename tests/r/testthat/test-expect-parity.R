parity <- new.env()
source(test_path("..", "..", "..", "r_scripts", "expect_parity.R"), local = parity)

# The text of a failure; NULL where the expectation passes.
failure_of <- function(code) {
  found <- NULL
  withCallingHandlers(code, expectation = function(e) {
    if (inherits(e, "expectation_failure")) found <<- conditionMessage(e)
    invokeRestart("continue_test")
  })
  found
}

expect_passes <- function(...) expect_null(failure_of(parity$expect_parity(...)))

expect_fails <- function(sentence, ...) expect_match(failure_of(parity$expect_parity(...)), sentence, fixed = TRUE)

test_that("the worst place is shown with both values, gap, tolerance and its reason, in the words of Python", {
  left <- matrix(as.numeric(0:11), 3)
  right <- left
  right[2, 3] <- right[2, 3] + 0.25
  right[3, 1] <- right[3, 1] + 0.01
  text <- failure_of(parity$expect_parity(left, right, tolerance = 0.001, reason = "the scale shows three digits"))
  expect_identical(strsplit(text, "\n")[[1]], c(
    "left  ~  right   values[2, 3]   different: unexplained",
    "  values          7   7.25   gap 0.25",
    "  tolerance       0.001, from atol 0.001 (the scale shows three digits)",
    "  in all          2 of 12 values are outside the tolerance; this is the worst"
  ))
})

test_that("without a tolerance every digit counts", {
  expect_passes(c(0.5, 1), c(0.5, 1))
  expect_passes(1:3, c(1, 2, 3))
  expect_fails("0.30000000000000004   0.29999999999999999   gap 5.55e-17", 0.1 + 0.2, 0.3)
  expect_fails("0 (none was given, so every digit counts)", 0.1 + 0.2, 0.3)
})

test_that("the tolerance is absolute, and relative to what is expected", {
  expect_passes(102, 100, tolerance = 2)
  expect_passes(102, 100, relative = 0.02)
  expect_fails("2, from rtol 0.01 and atol 1", 103, 100, tolerance = 1, relative = 0.01)
  expect_error(parity$expect_parity(1, 1, tolerance = -1), "it must be one number, 0 or larger")
})

test_that("missing is never a match", {
  expect_fails("missing on the left; missing is never a match", c(1, NA), c(1, 2), tolerance = 9)
  expect_fails("missing on the right", c(1, 2), c(1, NaN), tolerance = 9)
  expect_fails("missing on both sides", c(1, NA), c(1, NA), tolerance = 9)
  expect_fails("missing on the right", list(a = 1), list(a = NULL))
})

test_that("an infinite value matches only the same one", {
  expect_passes(Inf, Inf)
  expect_fails("gap Inf", 1, Inf, relative = 0.1)
  expect_fails("-Inf   Inf", -Inf, Inf)
})

test_that("what cannot be laid side by side fails with a sentence", {
  expect_fails("shapes (2) and (3)", 1:2, 1:3, tolerance = 9)
  expect_fails("shapes (2, 1) and (2)", matrix(1:2), 1:2)
  expect_fails("nothing to compare", numeric(), numeric())
  expect_fails("nothing to compare", list(), list())
  expect_fails("only the left has the name 'b'; only the right has the name 'c'", c(a = 1, b = 2), c(a = 1, c = 2))
  expect_fails("only the left has the column 'b'", data.frame(a = 1, b = 1), data.frame(a = 1))
  expect_fails("a data.frame cannot be laid beside a matrix", data.frame(a = 1), matrix(1))
  expect_fails("2 and 1 rows", data.frame(a = 1:2), data.frame(a = 1))
  expect_fails("a function is no array of numbers or text", mean, 1)
})

test_that("data frames are aligned by name and report the row", {
  left <- data.frame(dose = c(1, 2), group = c("a", "b"), row.names = c("ann", "bob"))
  expect_passes(left, left[2:1, 2:1])
  right <- left
  right["bob", "dose"] <- 2.5
  expect_fails("left  ~  right   dose[bob]   different", left, right)
  right <- left
  right$group <- factor(c("c", "b"))
  expect_fails("a   c", left, right, tolerance = 1)
})

test_that("named vectors and lists are aligned by name", {
  expect_passes(c(a = 1, b = 2), c(b = 2, a = 1))
  expect_passes(list(w = list(diag(2), 1:2), b = 1), list(b = 1, w = list(diag(2), 1:2)))
  expect_fails("w 2[2]", list(w = list(diag(2), c(0, 0))), list(w = list(diag(2), c(0, 1))))
  expect_fails("   in$a[1]   different", list("in" = list(a = 1)), list("in" = list(a = 2)))
})

test_that("fitted lm and glm are compared by coefficient and fitted value", {
  rows <- data.frame(y = mtcars$am, wt = mtcars$wt, hp = mtcars$hp)
  one <- lm(y ~ wt + hp, rows)
  # Columns in another order take other roundings: the condition of this fit is some hundreds.
  expect_passes(one, lm(y ~ hp + wt, rows), tolerance = 1e-12)
  expect_passes(one, as.list(coef(one)))
  expect_fails("coefficients[wt]", one, replace(coef(one), "wt", 1))
  expect_fails("only the left has the coefficient 'hp'", one, lm(y ~ wt, rows))
  expect_fails("coefficients[(intercept)]", one, glm(y ~ wt + hp, binomial, rows), relative = 1e-6)
  aliased <- lm(y ~ wt + hp, transform(rows, hp = 2 * wt))
  expect_fails("missing on the right", one, aliased, tolerance = 1e9)
  expect_fails("not beside a matrix", one, matrix(1))
})

test_that("a binomial fit is its own iterated least squares, and Newton's method on the likelihood ends at the same", {
  rows <- data.frame(y = mtcars$am, wt = mtcars$wt)
  fitted <- glm(y ~ wt, binomial, rows, epsilon = 1e-14)
  beta <- c(0, 0)
  x <- cbind(1, rows$wt)
  for (step in 1:25) {
    p <- drop(plogis(x %*% beta))
    beta <- beta + solve(crossprod(x, x * p * (1 - p)), crossprod(x, rows$y - p))[, 1]
  }
  expect_passes(fitted, c("(Intercept)" = beta[1], wt = beta[2]), relative = 1e-8, reason = "both are at the optimum")
})

test_that("answers of two engine files are compared by prediction, label and coefficient", {
  skip_if_not_installed("genefilter")
  train <- drawn_rows(60, 8)
  answer <- engine("stats")$fit(leekasso("lm"), train, drawn_rows(10, 8, seed = 2), list())
  again <- engine("stats")$fit(leekasso("lm"), train, drawn_rows(10, 8, seed = 2), list())
  expect_passes(answer, again)
  again$parameters$coefficients[[2]] <- again$parameters$coefficients[[2]] + 1
  expect_fails("coefficients$", answer, again, tolerance = 1e-8)
  again <- answer
  again$label[3] <- 1L - again$label[3]
  expect_fails("label[3]", answer, again, tolerance = 0.5)
})

test_that("the expectation reports to testthat under the code or the label of what was given", {
  measured <- 1
  expect_failure(parity$expect_parity(measured, 2), "measured  ~  2   values\\[1\\]")
  expect_failure(parity$expect_parity(measured, 2, label = "the trial"), "the trial  ~  2")
  expect_success(expect_identical(parity$expect_parity(measured, 1), 1))
})

study <- function(folder, ...) {
  path <- file.path(folder, "study.toml")
  lines <- c(
    data = '"digits"', classes = "[0, 1]", sizes = "[30]", draws = "6", margin = "0.1", methods = '["leekasso-glm"]',
    engines = '["py-sklearn", "py-statsmodels"]'
  )
  lines <- utils::modifyList(as.list(lines), list(...))
  writeLines(paste(names(lines), "=", unlist(lines)), path)
  path
}

the_command <- function() {
  command <- normalizePath(test_path("..", "..", "..", ".venv", "bin", "parity"), mustWork = FALSE)
  skip_if_not(file.exists(command), "parity is not installed in .venv")
  command
}

test_that("two engines' curves are judged by the command line", {
  skip_if_not_installed("jsonlite")
  command <- the_command()
  folder <- withr::local_tempdir()
  withr::local_envvar(PARITY = command, PARITY_CACHE = folder)
  file <- study(folder)
  expect_success(parity$expect_curves_parity(file, "py-sklearn", "py-statsmodels"))
  # A penalty of a million leaves nothing but the share of the classes.
  file <- study(folder, overrides = "{ py-sklearn = { C = 1e-6 } }")
  text <- failure_of(parity$expect_curves_parity(file, "py-sklearn", "py-statsmodels", "leekasso-glm"))
  expect_match(text, "^py-sklearn  ~  py-statsmodels   leekasso-glm, 1 size   different: unexplained\n")
  expect_match(text, "\n  accuracy        0[.][0-9]{4}   0[.][0-9]{4}   gap [+]0[.][0-9]{4} \\[.+\\] at n = 30\n")
  expect_match(text, "\n  tolerance       0.1 \\(margin of accuracy; ")
  expect_match(text, "\n  rerun           parity curves py-sklearn py-statsmodels --method leekasso-glm --study ")
  few <- study(folder, margin = "0.0001")
  ask <- function(...) parity$expect_curves_parity(few, "py-sklearn", "py-statsmodels", draws = 2, ...)
  skipped <- tryCatch(ask(), skip = conditionMessage)
  expect_match(skipped, "inconclusive .*draws? .*settle it")
  expect_match(failure_of(ask(inconclusive = "fail")), "   inconclusive\n", fixed = TRUE)
})

test_that("a request that cannot be met fails with one sentence", {
  skip_if_not_installed("jsonlite")
  expect_match(
    failure_of(parity$expect_curves_parity("study.toml", "a", "b", parity = "no-such-parity")),
    "there is no command 'no-such-parity'; install parity, or name its place"
  )
  command <- the_command()
  file <- study(withr::local_tempdir())
  expect_match(
    failure_of(parity$expect_curves_parity(file, "py-sklern", "py-statsmodels", parity = command)),
    "unknown engine 'py-sklern'; did you mean 'py-sklearn'?; exit code 2",
    fixed = TRUE
  )
})
