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

test_that("declared defaults are the signature's and effective ones are what glm.control returns", {
  skip_if_not_installed("genefilter")
  rows <- engine("stats")$defaults("glm")
  epsilon <- Filter(function(row) row$name == "epsilon", rows)[[1]]
  expect_identical(epsilon$declared, "1e-08")
  expect_identical(epsilon$effective, 1e-8)
  tolerance <- Filter(function(row) row$name == "tol", engine("stats")$defaults("lm"))[[1]]
  expect_identical(tolerance$declared, "1e-07")
})
