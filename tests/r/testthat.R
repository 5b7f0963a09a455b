# Runs R's own tests from the repository root: Rscript tests/r/testthat.R [name]. Exits 1 when one fails.
results <- testthat::test_dir(
  file.path("tests", "r", "testthat"),
  filter = if (length(commandArgs(TRUE))) commandArgs(TRUE)[1], stop_on_failure = FALSE
)
results <- as.data.frame(results)
quit(status = as.integer(sum(results$failed) + sum(results$error) > 0))
