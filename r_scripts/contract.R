# What every engine file offers, in R here and in Python in parity/engines/contract.py.
#
#   defaults(spec, train, options)    list of rows, one for every native parameter of every function that a fit calls
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
    if (!is.null(options[[name]]) && !isFALSE(options[[name]])) {
      stop("the ", engine, " engine cannot take the option '", name, "'", call. = FALSE)
    }
  }
}

# The seed of a fit, or NULL; where the fit is to be repeatable and nobody names a seed, any one does.
seed_of <- function(options) option(options, "seed", if (isTRUE(option(options, "repeatable"))) 1L)

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

# Rows of defaults(): every parameter of a function but its dots, in the order of the signature. declared is deparsed
# code unless it is one plain value. asked: what the translation sets; effective: what is known to be in force, read
# where `read` says (one text, or first the text for all and then, by name, others); choices: the values that the
# framework allows; all are lists by name. override: names that options$overrides can set. from: where `fn` is found.
declared <- function(label, fn, asked = list(), effective = list(), read = "", choices = list(),
                     override = character(), from = label) {
  lapply(setdiff(names(formals(fn)), "..."), function(name) {
    required <- identical(formals(fn)[[name]], formals(function(x) NULL)$x)
    default <- if (!required) formals(fn)[[name]]
    default_row(
      label, name, if (!required) signature_value(default), required, paste0("formals(", from, ")"), asked,
      effective, option(as.list(read), name, read[[1]]), option(choices, name, signature_choices(default)), override
    )
  })
}

# One row of defaults(); see row() in parity/engines/contract.py.
default_row <- function(fn, name, declared, required, declared_from, asked, effective, read, choices, override) {
  list(
    `function` = fn, name = name, declared = declared, required = required, declared_from = declared_from,
    given = name %in% names(asked), asked = asked[[name]], effective = effective[[name]],
    effective_from = if (name %in% names(effective)) read else "",
    choices = choices, override = name %in% override
  )
}

# A default as plain data: a value where it is one (-1 is a call in R, c(200, 200) too), else its code. A vector of
# strings is R's way to list the choices, of which match.arg takes the first.
signature_value <- function(default) {
  if (is.null(default) || is.atomic(default)) {
    return(default)
  }
  value <- tryCatch(eval(default, baseenv()), error = function(e) NULL)
  if (!is.null(signature_choices(default))) {
    value[1]
  } else if (is.atomic(value) && length(value) && all(all.names(default) %in% c("-", "c", ":"))) {
    value
  } else {
    paste(deparse(default, width.cutoff = 500L), collapse = " ")
  }
}

signature_choices <- function(default) {
  if (is.call(default) && identical(default[[1]], quote(c))) {
    value <- tryCatch(eval(default, baseenv()), error = function(e) NULL)
    if (is.character(value) && length(value) > 1) as.list(value)
  }
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

# Rows of defaults() for what the screen calls; neither function returns anything that tells how it was called.
screen_rows <- function(spec, options) {
  if (is.null(option(options, "selected"))) {
    c(
      declared("genefilter::colFtests", genefilter::colFtests, list(x = "x_train", fac = "factor(y_train)")),
      declared("base::rank", rank, list(x = "p_value", ties.method = option(spec, "ties", "average")))
    )
  }
}

screen_gaps <- function(spec, options) {
  if (is.null(option(options, "selected")) && identical(option(spec, "screen"), "welch-like")) {
    list(cannot_express("screen", "colFtests pools the variances of the two classes; it has no Welch-like form"))
  } else {
    list()
  }
}
