# What every engine file offers, in R here and in Python in parity/engines/contract.py.
#
#   defaults(spec, train, options)    list of rows, one for every native parameter of every function that a fit calls
#   translate(spec, options)          list(calls, code, not_expressible, added)
#   fit(spec, train, test, options)   what answer() returns, completed by recorded()
#
# spec, train, test and options are named lists with the fields that the Python page describes; train$x is an
# (n, p) numeric matrix whose column names are the features, train$y a vector of 0 and 1 (any numbers for a Linear of
# squared loss).

# The path of a file beside this one. parity/engines/r_bridge.py names the folder of the engine that it reads: of a copy
# in another folder, what lies beside the copy comes first.
beside <- local({
  here <- dirname(normalizePath(rev(unlist(lapply(sys.frames(), function(frame) frame$ofile)))[1]))
  folders <- c(get0(".engine_folder", parent.env(environment()), inherits = FALSE), here)
  function(name) c(Filter(file.exists, file.path(folders, name)), file.path(here, name))[1]
})

source(beside("screen.R"), local = TRUE)

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
                   converged = NULL, updates = NULL, selected = NULL, scores = NULL, trace = NULL) {
  list(
    probability = as.numeric(probability), label = as.integer(label), parameters = parameters,
    effective = effective, iterations = iterations, converged = converged, updates = updates,
    selected = selected, scores = scores, trace = trace
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

# The same from a list of arguments: the one that the fit gives to do.call. One that is computed from the rows stands
# as the code that computes it.
native_call_with <- function(fn, arguments) {
  written <- lapply(arguments, function(value) if (is.call(value)) code_of(value) else value)
  do.call(native_call, c(fn, written))
}

# A native call as R code; `first` and `last` are arguments that stand before and after, as they are to be printed.
call_code <- function(fn, arguments, first = character(), last = character()) {
  values <- vapply(arguments, code_of, "")
  paste0(fn, "(", paste(c(first, paste(names(values), "=", values, recycle0 = TRUE), last), collapse = ", "), ")")
}

# A value as R code on one line. deparse() writes 15 digits; where these are another number, all 17 are written.
code_of <- function(value) {
  text <- paste(deparse(value, width.cutoff = 500L), collapse = " ")
  read <- if (is.call(value)) str2lang(text) else if (is.double(value)) eval(str2lang(text), baseenv()) else value
  if (identical(read, value)) {
    return(text)
  }
  paste(deparse(value, width.cutoff = 500L, control = c("keepNA", "keepInteger", "digits17")), collapse = " ")
}

# Arguments with those that are code computed from the rows, by the names that they have in the printed code.
computed <- function(arguments, train, selected) {
  rows <- list(x_train = train$x, y_train = train$y, selected = selected)
  lapply(arguments, function(value) if (is.call(value)) eval(value, rows, baseenv()) else value)
}

# A pinned parameter that the engine has no way to take.
cannot_express <- function(parameter, reason) list(parameter = parameter, reason = reason)

# Stops a fit of what the engine cannot express, with the parameters and reasons that its translation lists.
refuse_gaps <- function(gaps) {
  said <- vapply(gaps, function(gap) paste0(gap$parameter, ": ", gap$reason), "")
  if (length(said)) stop("this engine cannot fit what is asked. ", paste(said, collapse = ". "), call. = FALSE)
}

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

# A Linear (parity/spec/models.py) minimises mean loss + l1 * sum(|b|) + l2 / 2 * sum(b^2), the squared loss halved.
is_linear <- function(spec) spec$family == "linear"

# Whether the predicted value is a mean of the response rather than a probability.
least_squares <- function(spec) spec$family == "lm" || (is_linear(spec) && spec$loss == "squares")

# The intercept of a Linear's objective: free, penalised or none. Where nothing is penalised, it is free as well.
intercept_of <- function(spec) {
  if (spec$intercept == "penalised" && spec$l1 + spec$l2 == 0) "free" else spec$intercept
}

# Coefficients by feature, the intercept first: 0 where the model has none.
named_coefficients <- function(intercept, coefficients, selected) {
  as.list(stats::setNames(c(intercept, coefficients), c("(intercept)", selected)))
}
