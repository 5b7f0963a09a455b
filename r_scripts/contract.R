# What every engine file offers, in R here and in Python in parity/engines/contract.py.
#
#   defaults(family)                  list of rows: function, name, declared, effective, source
#   translate(spec, options)          list(calls, code, not_expressible, added)
#   fit(spec, train, test, options)   what answer() returns, completed by recorded()
#
# spec, train, test and options are named lists with the fields that the Python page describes; train$x is an
# (n, p) numeric matrix whose column names are the features, train$y an integer vector of 0 and 1.

# The path of a file beside this one.
beside <- local({
  here <- dirname(normalizePath(rev(unlist(lapply(sys.frames(), function(frame) frame$ofile)))[1]))
  function(name) file.path(here, name)
})

# The value of an option, or of a field that the specification may leave open; `otherwise` where it is absent. Never
# `$`: on a list without learning_rate it would quietly answer with learning_rate_decay.
option <- function(options, name, otherwise = NULL) {
  value <- options[[name]]
  if (is.null(value)) otherwise else value
}

# Stops where an option is asked for that the engine has no way to honour.
refuse <- function(options, names, engine) {
  for (name in names) {
    if (!is.null(options[[name]])) stop("the ", engine, " engine cannot take the option '", name, "'", call. = FALSE)
  }
}

# What happened in one fit. probability and label have one element per test row; label is exactly what the
# framework's own predict says, or the specification's cut where it says nothing.
answer <- function(probability, label, parameters = NULL, effective = list(), iterations = NULL,
                   converged = NULL, updates = NULL, selected = NULL, trace = NULL) {
  list(
    probability = as.numeric(probability), label = as.integer(label), parameters = parameters,
    effective = effective, iterations = iterations, converged = converged, updates = updates,
    selected = selected, trace = trace
  )
}

# Evaluates a fit, with `messages` (every warning, verbatim, in order) and `seconds` (wall time) added.
recorded <- function(fit) {
  messages <- character()
  started <- proc.time()[["elapsed"]]
  result <- withCallingHandlers(fit, warning = function(w) {
    messages <<- c(messages, conditionMessage(w))
    invokeRestart("muffleWarning")
  })
  result$messages <- messages
  result$seconds <- proc.time()[["elapsed"]] - started
  result
}

# One native call of a translation.
native_call <- function(fn, ...) list(`function` = fn, arguments = list(...))

# The same from a list of arguments: the one that the fit gives to do.call.
native_call_with <- function(fn, arguments) do.call(native_call, c(fn, arguments))

# A native call as R code; `first` and `last` are arguments that stand before and after, as they are to be printed.
call_code <- function(fn, arguments, first = character(), last = character()) {
  values <- vapply(arguments, function(value) paste(deparse(value, width.cutoff = 500L), collapse = " "), "")
  paste0(fn, "(", paste(c(first, paste(names(values), "=", values, recycle0 = TRUE), last), collapse = ", "), ")")
}

# A pinned parameter that the engine has no way to take.
cannot_express <- function(parameter, reason) list(parameter = parameter, reason = reason)

# Something that the engine needs and the specification leaves open.
added <- function(parameter, value, reason) list(parameter = parameter, value = value, reason = reason)

# Native arguments with `options$overrides` merged last. `known` are the names that the native function takes.
overridden <- function(arguments, options, known) {
  overrides <- option(options, "overrides", list())
  for (name in setdiff(names(overrides), known)) {
    nearest <- known[which.min(utils::adist(name, known))]
    stop("no native argument is called '", name, "'; the nearest is '", nearest, "'", call. = FALSE)
  }
  arguments[names(overrides)] <- overrides
  arguments
}

# What of a fitted object's configuration is one plain value.
plain_scalars <- function(configuration, but = character()) {
  Filter(function(value) is.atomic(value) && length(value) == 1, configuration[setdiff(names(configuration), but)])
}

# Rows of defaults(): what the signature of a function declares, as deparsed code, and what is in force where
# `effective` (a named list) tells it.
declared <- function(label, fn, effective = list()) {
  lapply(setdiff(names(formals(fn)), "..."), function(name) {
    value <- paste(deparse(formals(fn)[[name]], width.cutoff = 500L), collapse = " ")
    list(
      `function` = label, name = name, declared = if (nzchar(value)) value, effective = effective[[name]],
      source = paste0("formals(", label, ")")
    )
  })
}

# The columns of smallest p-value by genefilter's colFtests, as the 2017 script chose them: which(rank(p) <= k).
# Ties may leave none; a constant column has no p-value and ranks last. `options$selected` names the columns instead.
screen <- function(spec, train, options) {
  chosen <- option(options, "selected")
  if (!is.null(chosen)) {
    return(as.character(chosen))
  }
  p_value <- genefilter::colFtests(train$x, factor(train$y))$p.value
  colnames(train$x)[which(rank(p_value, ties.method = option(spec, "ties", "average")) <= spec$k)]
}

# The screen as R code, and what of it colFtests cannot do.
screen_code <- function(spec) {
  ties <- if (identical(option(spec, "ties"), "first")) ', ties.method = "first"' else ""
  c(
    "p_value <- genefilter::colFtests(x_train, factor(y_train))$p.value",
    sprintf("selected <- which(rank(p_value%s) <= %d)", ties, as.integer(spec$k))
  )
}

screen_gaps <- function(spec, options) {
  if (is.null(option(options, "selected")) && identical(option(spec, "screen"), "welch-like")) {
    list(cannot_express("screen", "colFtests pools the variances of the two classes; it has no Welch-like form"))
  } else {
    list()
  }
}
