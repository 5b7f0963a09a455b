# Lints every R file of the project; exit 1 where something is found.

linters <- lintr::linters_with_defaults(
  line_length_linter = lintr::line_length_linter(120),
  # An engine file is sourced after the ones whose functions it calls.
  object_usage_linter = NULL
)
files <- list.files(c("r_scripts", "setup", "tests", "benchmarks"), "[.]R$", recursive = TRUE, full.names = TRUE)
found <- do.call(c, lapply(files, lintr::lint, linters = linters))
for (lint in found) {
  cat(sprintf("%s:%d:%d: %s\n", lint$filename, lint$line_number, lint$column_number, lint$message))
}
cat(sprintf("lintr: %d files, %d findings\n", length(files), length(found)))
quit(save = "no", status = as.integer(length(found) > 0))
