test_that("an engine can be sourced from any directory, in the three ways that people source", {
  file <- normalizePath(test_path("..", "..", "..", "r_scripts", "stats_engine.R"))
  by_source <- new.env()
  by_chdir <- new.env()
  by_sys_source <- new.env()
  withr::with_dir(tempdir(), {
    source(file, local = by_source)
    source(file, local = by_chdir, chdir = TRUE)
    sys.source(file, by_sys_source)
  })
  withr::with_dir(dirname(dirname(file)), {
    relative <- new.env()
    source("r_scripts/stats_engine.R", local = relative, chdir = TRUE)
    sys.source("r_scripts/stats_engine.R", relative)
  })
  for (environment in list(by_source, by_chdir, by_sys_source, relative)) {
    expect_true(all(c("defaults", "translate", "fit", "recorded") %in% ls(environment)))
  }
  expect_false(exists("recorded", globalenv(), inherits = FALSE))
})

test_that("a misspelt override is refused with the nearest name", {
  rows <- drawn_rows(20, 5)
  options <- list(overrides = list(maxitt = 5))
  expect_error(engine("stats")$fit(leekasso("glm"), rows, rows, options), "'maxitt'; the nearest is 'maxit'")
})

test_that("an option that the engine cannot honour is refused, not ignored", {
  rows <- drawn_rows(20, 5)
  expect_error(
    engine("stats")$fit(leekasso("lm"), rows, rows, list(initial_weights = 1)),
    "cannot take the option 'initial_weights'"
  )
})

test_that("an option that is off is not an option that is asked for", {
  rows <- drawn_rows(20, 5)
  options <- list(untrained = FALSE, selected = "pixel1")
  expect_length(engine("stats")$fit(leekasso("lm"), rows, rows, options)$label, 20)
  for (name in c("stats", "liblinear")) {
    spec <- leekasso(if (name == "stats") "glm" else "liblinear")
    expect_error(engine(name)$fit(spec, rows, rows, list(untrained = TRUE)), "cannot take the option 'untrained'")
  }
})

test_that("a declared value is data where it is one value, and code where it is not", {
  fn <- function(a, b = -1, c = c(200, 200), d = c("x", "y"), e = NULL, f = length(a), ...) NULL
  rows <- engine("stats")$declared("fn", fn)
  value <- lapply(rows, `[[`, "declared")
  expect_identical(value, list(NULL, -1, c(200, 200), "x", NULL, "length(a)"))
  expect_identical(vapply(rows, `[[`, TRUE, "required"), c(TRUE, rep(FALSE, 5)))
  expect_identical(rows[[4]]$choices, list("x", "y"))
  expect_identical(unique(lengths(rows)), 11L)
})

test_that("the functions of the screen have rows where the engine screens, and none where the columns are given", {
  rows <- drawn_rows(30, 6)
  skip_if_not_installed("genefilter")
  screened <- engine("stats")$defaults(leekasso("lm", ties = "first"), rows, list())
  expect_same_parameters(screened, list(`genefilter::colFtests` = genefilter::colFtests, `base::rank` = rank))
  expect_identical(rows_of(screened, "base::rank")$ties.method$asked, "first")
  given <- engine("stats")$defaults(leekasso("lm"), rows, list(selected = "pixel1"))
  expect_identical(functions_of(given)[1], "stats::lm")
})
