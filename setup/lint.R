# Lints every R file of the project by the rules in .lintr; exit 1 where something is found.

files <- list.files(c("r_scripts", "setup", "tests", "benchmarks"), "[.]R$", recursive = TRUE, full.names = TRUE)
found <- do.call(c, lapply(files, lintr::lint))
for (lint in found) {
  cat(sprintf("%s:%d:%d: %s\n", lint$filename, lint$line_number, lint$column_number, lint$message))
}
cat(sprintf("lintr: %d files, %d findings\n", length(files), length(found)))
quit(save = "no", status = as.integer(length(found) > 0))
