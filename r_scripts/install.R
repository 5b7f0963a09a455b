# Installs the R packages of CRAN that engines need into a library of the project's own.
#
#   Rscript install.R [--test] [LIBRARY]
#
# LIBRARY is $PARITY_R_LIBRARY, or .r-library of the checkout, where it is not given. The packages come from the
# first of $PARITY_CRAN (a folder or an address), ../shared/cran beside the checkout and CRAN that answers.
# With --test it installs what only tests compare with as well.
# Nothing is done, and no repository is asked, where everything is there. Exit 1: something could not be installed.

# The versions that engines.toml asks for. h2o must be the very build of Python's h2o.
wanted <- c(
  keras3 = "1.2", tensorflow = "2.16", reticulate = "1.40", LiblineaR = "2.10.23", glmnet = "4.1", h2o = "3.44.0.3"
)

# Draws the figure of beam2017-python; in 3.4 the width of a line got the name that is used.
wanted <- c(wanted, ggplot2 = "3.4")

engines_of <- c(
  keras3 = "r-keras3", tensorflow = "r-keras3", reticulate = "r-keras3", LiblineaR = "r-liblinear",
  glmnet = "r-glmnet", h2o = "r-h2o"
)

# What only tests compare with; 0.4 is the first to tell complete from quasi-complete separation.
tested_with <- c(detectseparation = "0.4")
if ("--test" %in% commandArgs(TRUE)) {
  wanted <- c(wanted, tested_with)
}

cran <- "https://cloud.r-project.org"

# Seconds that a repository has to answer; one that is reachable does so in one or two.
patience <- 10

# The checkout that this script lies in, or NULL where it was installed with the wheel.
checkout <- function() {
  file <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
  root <- if (length(file)) dirname(dirname(normalizePath(file[[1]]))) else getwd()
  if (file.exists(file.path(root, "pyproject.toml"))) root else NULL
}

# The library folder to install into.
library_folder <- function(root) {
  given <- c(setdiff(commandArgs(TRUE), "--test"), Sys.getenv("PARITY_R_LIBRARY"))
  given <- given[nzchar(given)]
  if (length(given)) {
    return(path.expand(given[[1]]))
  }
  if (is.null(root)) {
    stop("say where to: Rscript install.R LIBRARY", call. = FALSE)
  }
  file.path(root, ".r-library")
}

# TRUE where a package is installed for this R in the version that is wanted.
is_there <- function(package) {
  found <- suppressWarnings(utils::packageDescription(package, fields = c("Version", "Built")))
  if (!is.list(found) || is.na(found$Version)) {
    return(FALSE)
  }
  built <- package_version(sub("^R ([0-9.]+).*", "\\1", found$Built))
  same_r <- identical(unlist(built)[1:2], unlist(getRversion())[1:2])
  difference <- utils::compareVersion(gsub("-", ".", found$Version, fixed = TRUE), wanted[[package]])
  same_r && if (package == "h2o") difference == 0 else difference >= 0
}

# The jar of H2O's server: with it, R's h2o downloads nothing when it is installed and when it starts.
h2o_jar <- function(root) {
  pattern <- ".venv/lib/python*/site-packages/h2o/backend/bin/h2o.jar"
  candidates <- c(Sys.getenv("H2O_JAR_PATH"), if (!is.null(root)) Sys.glob(file.path(root, pattern)))
  candidates[file.exists(candidates) & nzchar(candidates)][1]
}

# The address of a repository given as a folder or an address.
as_address <- function(place) {
  if (grepl("^[a-z]+://", place)) sub("/$", "", place) else paste0("file://", normalizePath(place, mustWork = FALSE))
}

# TRUE where a repository has an index of source packages.
answers <- function(address) {
  if (startsWith(address, "file://")) {
    return(file.exists(file.path(sub("^file://", "", address), "src", "contrib", "PACKAGES")))
  }
  old <- options(timeout = patience)
  on.exit(options(old))
  copy <- tempfile()
  status <- try(suppressWarnings(
    utils::download.file(paste0(address, "/src/contrib/PACKAGES.gz"), copy, quiet = TRUE)
  ), silent = TRUE)
  identical(status, 0L)
}

# The first repository that answers, or NULL; says so where $PARITY_CRAN is passed over.
repository <- function(root) {
  given <- Sys.getenv("PARITY_CRAN")
  places <- c(given, if (!is.null(root)) file.path(dirname(root), "shared", "cran"), cran)
  for (place in places[nzchar(places)]) {
    address <- as_address(place)
    if (answers(address)) {
      return(address)
    }
    if (place == given) {
      message("PARITY_CRAN is ", given, ", which is no repository of R packages (it has no src/contrib/PACKAGES)")
    }
  }
  NULL
}

# Installs packages with what they depend on; says why where one fails.
install <- function(packages, library, address) {
  options(repos = c(CRAN = address), timeout = 600)
  index <- utils::available.packages(filters = c("R_version", "OS_type", "duplicates"))
  outputs <- tempfile("install-")
  dir.create(outputs)
  add <- function(what, repos) {
    suppressWarnings(utils::install.packages(
      what,
      lib = library, repos = repos, type = "source", Ncpus = 2L, quiet = TRUE, keep_outputs = outputs
    ))
  }
  offered <- intersect(packages, rownames(index))
  # Once CRAN has a newer h2o, the wanted build is in its archive.
  old <- "h2o" %in% packages && !("h2o" %in% offered && index["h2o", "Version"] == wanted[["h2o"]])
  if (old) {
    offered <- setdiff(offered, "h2o")
  }
  if (length(offered)) {
    add(offered, getOption("repos"))
  }
  if (old) {
    add(c("RCurl", "jsonlite")[!c("RCurl", "jsonlite") %in% rownames(utils::installed.packages())], getOption("repos"))
    add(sprintf("%s/src/contrib/Archive/h2o/h2o_%s.tar.gz", address, wanted[["h2o"]]), NULL)
  }
  for (log in list.files(outputs, pattern = "[.]out$", full.names = TRUE)) {
    lines <- readLines(log, warn = FALSE)
    if (any(grepl("^ERROR|Error", lines))) {
      message(paste(c(sprintf("-- %s --", basename(log)), utils::tail(lines, 15)), collapse = "\n"))
    }
  }
}

# Says what is missing, what that costs and the one command that mends it; ends with exit status 1.
give_up <- function(packages, why, mend) {
  engines <- unique(engines_of[intersect(packages, names(engines_of))])
  cost <- c(
    if (length(engines)) paste("these engines do not run:", paste(engines, collapse = ", ")),
    if ("ggplot2" %in% packages) "the figure of beam2017-python is not drawn",
    if (any(packages %in% names(tested_with))) "tests that compare with it are skipped"
  )
  message(sprintf(
    "%s: %s. Not installed: %s. Without it %s. To mend it: %s",
    "R packages", why, paste(packages, collapse = ", "), paste(cost, collapse = ", and "), mend
  ))
  quit(save = "no", status = 1)
}

main <- function() {
  root <- checkout()
  library <- library_folder(root)
  dir.create(library, recursive = TRUE, showWarnings = FALSE)
  if (file.access(library, 2) != 0) {
    give_up(names(wanted), paste("the library", library, "cannot be written"), "PARITY_R_LIBRARY=FOLDER make setup")
  }
  library <- normalizePath(library)
  # Processes that compile a package look for its dependencies in R_LIBS.
  Sys.setenv(R_LIBS = paste(c(library, .libPaths()), collapse = .Platform$path.sep))
  .libPaths(c(library, .libPaths()))
  packages <- names(wanted)[!vapply(names(wanted), is_there, NA)]
  if (length(packages) == 0) {
    return(invisible())
  }
  script <- if (is.null(root)) "install.R" else "r_scripts/install.R"
  again <- paste("Rscript", script, if ("--test" %in% commandArgs(TRUE)) "--test", library)
  jar <- h2o_jar(root)
  if (!is.na(jar)) {
    Sys.setenv(H2O_JAR_PATH = normalizePath(jar))
  }
  address <- repository(root)
  if (is.null(address)) {
    give_up(packages, "no repository could be reached", paste("PARITY_CRAN=FOLDER_OR_ADDRESS", again))
  }
  message("R packages from ", address, ": ", paste(packages, collapse = ", "))
  ready <- if (is.na(jar)) setdiff(packages, "h2o") else packages
  install(ready, library, address)
  failed <- packages[!vapply(packages, is_there, NA)]
  if ("h2o" %in% failed && is.na(jar)) {
    find <- "python -c 'import h2o; print(h2o.__path__[0])'"
    mend <- sprintf("pip install h2o==%s && H2O_JAR_PATH=$(%s)/backend/bin/h2o.jar %s", wanted[["h2o"]], find, again)
    give_up(failed, "the h2o.jar of Python's h2o is not there", if (is.null(root)) mend else "make setup")
  }
  if (length(failed)) {
    give_up(failed, "they did not build (see above)", again)
  }
}

main()
