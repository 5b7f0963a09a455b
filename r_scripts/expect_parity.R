# Expectations for testthat: two results agree within a stated tolerance, or the failure says where they do not.
#
#   source("expect_parity.R")                          or copy it to tests/testthat/helper-parity.R of a package
#   expect_parity(object, expected, tolerance = 1e-8)  arrays, data frames, named lists, fitted lm and glm, answers of
#                                                      engine files; no Python is needed
#   expect_curves_parity("study.toml", left, right)    asks the command line `parity` for a verdict on two engines
#
# The words are those of assert_parity in Python (parity/assertion.py). Missing is never a match.

# Passes where every value of `object` lies within `tolerance` (absolute) plus `relative` times the expected value of
# that of `expected`. With both at 0 the two have to be equal. reason: why so much may differ; failures print it. label:
# what `object` is called; its code where none is given.
expect_parity <- function(object, expected, tolerance = 0, relative = 0, label = NULL, reason = "") {
  parity_require_tolerance(tolerance)
  parity_require_tolerance(relative)
  sides <- c(parity_label(label, substitute(object)), parity_label(NULL, substitute(expected)))
  failure <- parity_difference(object, expected, list(atol = tolerance, rtol = relative, reason = reason), sides)
  testthat::expect(is.null(failure), failure)
  invisible(object)
}

# Passes where the accuracy curves of two engines agree under a method of a study file, or of a preset. The line of the
# failure that starts with "rerun" shows the same in a terminal. A comparison that cannot be made here, or has too few
# draws, is a skip with its reason; inconclusive = "fail" fails for too few draws. parity: the command.
expect_curves_parity <- function(study, left, right, method = NULL, draws = NULL,
                                 inconclusive = c("skip", "fail"), parity = Sys.getenv("PARITY", "parity")) {
  inconclusive <- match.arg(inconclusive)
  pair <- parity_curves(study, left, right, method, draws, parity)
  if (is.character(pair)) {
    testthat::expect(FALSE, pair)
    return(invisible(NULL))
  }
  said <- paste0(pair$left, " ~ ", pair$right, " [", pair$method, "]: ", pair$verdict, " (", pair$reason, ")")
  if (pair$verdict %in% c("not run", "not comparable") || (pair$verdict == "inconclusive" && inconclusive == "skip")) {
    testthat::skip(said)
  }
  testthat::expect(pair$verdict %in% c("identical", "within tolerance", "equivalent"), parity_curves_text(pair))
  invisible(pair)
}

parity_require_tolerance <- function(value) {
  if (!is.numeric(value) || length(value) != 1 || !is.finite(value) || value < 0) {
    stop("a tolerance is ", deparse(value)[1], "; it must be one number, 0 or larger", call. = FALSE)
  }
}

# At most so many characters of code stand for a result that nobody named.
parity_label <- function(label, code) {
  if (is.null(label)) substr(paste(deparse(code), collapse = " "), 1, 40) else as.character(label)
}

# A verdict as it is read in a failed test: one line of what it is about, then a fact a line.
parity_card <- function(head, verdict, facts) {
  paste(c(paste0(head, "   ", verdict), sprintf("  %-16s%s", names(facts), facts)), collapse = "\n")
}

# What keeps two results from agreeing, as the text of a failure; NULL where nothing does.
parity_difference <- function(object, expected, tolerance, sides = c("left", "right")) {
  head <- paste(sides, collapse = "  ~  ")
  pieces <- tryCatch(parity_side_by_side(object, expected, ""), parity_unlike = conditionMessage)
  if (is.character(pieces)) {
    return(parity_card(head, "not comparable", c(because = pieces)))
  }
  total <- sum(vapply(pieces, function(piece) length(piece$left), 0))
  if (total == 0) {
    said <- "there is nothing to compare: both sides are empty, and a comparison of nothing is no match"
    return(parity_card(head, "not comparable", c(because = said)))
  }
  off <- lapply(pieces, parity_off, tolerance = tolerance)
  outside <- sum(vapply(off, sum, 0))
  if (outside == 0) {
    return(NULL)
  }
  found <- Map(parity_worst, pieces, off, MoreArgs = list(tolerance = tolerance))
  worst <- found[[which.max(vapply(found, `[[`, 0, "excess"))]]
  counted <- sprintf(
    "%s of %s values %s outside the tolerance; this is the worst",
    parity_count(outside), parity_count(total), if (outside == 1) "is" else "are"
  )
  parity_card(paste0(head, "   ", worst$place), "different: unexplained", c(worst$facts, "in all" = counted))
}

parity_count <- function(value) format(value, big.mark = ",", scientific = FALSE, trim = TRUE)

# Where the two sides of a piece are not within the tolerance, or one of them is missing.
parity_off <- function(piece, tolerance) {
  missing <- is.na(piece$left) | is.na(piece$right)
  if (!parity_numeric(piece)) {
    return(missing | as.character(piece$left) != as.character(piece$right))
  }
  # An infinite expected value would allow any gap.
  near <- is.finite(piece$left) & is.finite(piece$right) &
    abs(piece$left - piece$right) <= parity_allowed(piece$right, tolerance)
  missing | !(near | piece$left == piece$right)
}

parity_allowed <- function(right, tolerance) {
  tolerance$atol + if (tolerance$rtol > 0) tolerance$rtol * abs(right) else 0 * seq_along(right)
}

parity_numeric <- function(piece) {
  all(vapply(piece[c("left", "right")], function(side) is.numeric(side) || is.logical(side), TRUE))
}

# The worst place of a piece, what is to be said of it, and how far it is outside the tolerance; -1 where it agrees.
parity_worst <- function(piece, off, tolerance) {
  if (!any(off)) {
    return(list(excess = -1))
  }
  missing <- is.na(piece$left) | is.na(piece$right)
  if (any(missing)) {
    at <- which(missing)[1]
    lacking <- c("left", "right")[c(is.na(piece$left[at]), is.na(piece$right[at]))]
    side <- if (length(lacking) == 2) "both sides" else paste("the", lacking)
    facts <- c(values = parity_both(piece, at), because = paste0("missing on ", side, "; missing is never a match"))
    return(list(excess = Inf, place = parity_place(piece, at), facts = facts))
  }
  if (!parity_numeric(piece)) {
    at <- which(off)[1]
    facts <- c(values = parity_both(piece, at), tolerance = "0 (not numbers)")
    return(list(excess = Inf, place = parity_place(piece, at), facts = facts))
  }
  apart <- ifelse(piece$left == piece$right, 0, abs(piece$left - piece$right))
  allowed <- parity_allowed(piece$right, tolerance)
  excess <- ifelse(off, apart - ifelse(is.finite(allowed), allowed, 0), -1)
  at <- which.max(excess)
  facts <- c(
    values = sprintf("%s   gap %s", parity_both(piece, at), format(apart[at], digits = 3)),
    tolerance = parity_tolerance(tolerance, allowed[at])
  )
  list(excess = excess[at], place = parity_place(piece, at), facts = facts)
}

parity_tolerance <- function(tolerance, at) {
  given <- unlist(tolerance[c("rtol", "atol")])
  given <- given[given > 0]
  if (!length(given)) {
    why <- if (nzchar(tolerance$reason)) tolerance$reason else "none was given, so every digit counts"
    return(sprintf("0 (%s)", why))
  }
  why <- if (nzchar(tolerance$reason)) tolerance$reason else "no reason given"
  stated <- paste(names(given), vapply(given, format, "", digits = 6), collapse = " and ")
  sprintf("%s, from %s (%s)", format(at, digits = 3), stated, why)
}

# Both values; with every digit where ten would make them look alike.
parity_both <- function(piece, at) {
  values <- list(piece$left[at], piece$right[at])
  shown <- vapply(values, function(value) if (is.numeric(value)) format(value, digits = 10) else format(value), "")
  if (parity_numeric(piece) && shown[1] == shown[2]) {
    shown <- vapply(values, function(value) formatC(as.numeric(value), digits = 17, format = "g"), "")
  }
  paste(shown, collapse = "   ")
}

# Where the value number `at` stands, as a reader would look it up: from 1, as R counts.
parity_place <- function(piece, at) {
  extent <- if (is.null(dim(piece$left))) length(piece$left) else dim(piece$left)
  index <- arrayInd(at, extent)[1, ]
  keys <- vapply(seq_along(index), function(axis) {
    names <- piece$names[[axis]]
    if (is.null(names)) as.character(index[axis]) else names[index[axis]]
  }, "")
  paste0(piece$what, "[", paste(keys, collapse = ", "), "]")
}

parity_unlike <- function(...) {
  stop(structure(list(message = paste0(...), call = NULL), class = c("parity_unlike", "error", "condition")))
}

# The pairs of vectors and arrays that two results are made of. A condition parity_unlike where they are not made alike.
parity_side_by_side <- function(object, expected, what) {
  fitted <- c(inherits(object, "lm"), inherits(expected, "lm"))
  if (any(fitted)) {
    parity_models(object, expected, fitted)
  } else if (parity_is_answer(object) && parity_is_answer(expected)) {
    parity_answers(object, expected)
  } else if (is.data.frame(object) && is.data.frame(expected)) {
    parity_frames(object, expected, what)
  } else if (is.data.frame(object) || is.data.frame(expected) || is.list(object) != is.list(expected)) {
    parity_unlike(
      parity_kind(object), " cannot be laid beside ", parity_kind(expected), parity_in(what),
      ": one side has names and the other none. Name both, or give both as arrays"
    )
  } else if (is.list(object)) {
    parity_lists(object, expected, what)
  } else {
    list(parity_piece(object, expected, what))
  }
}

parity_is_answer <- function(x) is.list(x) && all(c("probability", "label", "parameters") %in% names(x))

# Two answers of engine files: predicted values and labels, and what both say of their parameters.
parity_answers <- function(object, expected) {
  told <- function(x) Filter(Negate(is.null), as.list(x$parameters))
  c(
    lapply(c("probability", "label"), function(name) parity_piece(object[[name]], expected[[name]], name)),
    parity_lists(told(object), told(expected), "")
  )
}

# Fitted lm and glm: coefficients by name and fitted values; or one of them against named coefficients.
parity_models <- function(object, expected, fitted) {
  if (!all(fitted)) {
    other <- if (fitted[1]) expected else object
    if (is.null(names(other)) || is.data.frame(other)) {
      parity_unlike(
        "a fitted model can be laid beside another or beside named coefficients, not beside ", parity_kind(other)
      )
    }
  }
  left <- parity_coefficients(object)
  right <- parity_coefficients(expected)
  parity_require_same(names(left), names(right), "coefficient", "")
  coefficients <- parity_piece(left, right[names(left)], "coefficients")
  if (!all(fitted)) {
    return(list(coefficients))
  }
  list(coefficients, parity_piece(unname(stats::fitted(object)), unname(stats::fitted(expected)), "fitted values"))
}

# By name, the intercept as parity writes it, whoever printed them.
parity_coefficients <- function(model) {
  written <- if (inherits(model, "lm")) stats::coef(model) else unlist(lapply(model, parity_value))
  constant <- names(written) %in% c("(intercept)", "(Intercept)", "Intercept", "intercept", "const")
  names(written)[constant] <- "(intercept)"
  written
}

parity_frames <- function(object, expected, what) {
  for (frame in list(object, expected)) {
    twice <- names(frame)[duplicated(names(frame))]
    if (length(twice)) parity_unlike("a data frame has two columns called ", parity_listed(twice))
  }
  parity_require_same(names(object), names(expected), "column", what)
  if (nrow(object) != nrow(expected)) parity_unlike(nrow(object), " and ", nrow(expected), " rows", parity_in(what))
  named <- .row_names_info(object) > 0 && .row_names_info(expected) > 0
  if (named) {
    parity_require_same(rownames(object), rownames(expected), "row", what)
    expected <- expected[rownames(object), , drop = FALSE]
  }
  lapply(names(object), function(column) {
    piece <- parity_piece(object[[column]], expected[[column]], parity_within(what, column))
    if (named) piece$names[[1]] <- rownames(object)
    piece
  })
}

parity_lists <- function(object, expected, what) {
  if (is.null(names(object)) && is.null(names(expected))) {
    if (length(object) != length(expected)) {
      parity_unlike(length(object), " and ", length(expected), " elements", parity_in(what))
    }
    places <- seq_along(object)
    labels <- paste(if (nzchar(what)) what else "element", places, recycle0 = TRUE)
  } else {
    parity_require_same(names(object), names(expected), "name", what)
    places <- names(object)
    labels <- parity_within(what, places)
  }
  pieces <- Map(
    function(place, label) parity_side_by_side(parity_value(object[[place]]), parity_value(expected[[place]]), label),
    places, labels
  )
  unlist(unname(pieces), recursive = FALSE)
}

# A NULL in a list is a value that is not there.
parity_value <- function(value) if (is.null(value)) NA_real_ else value

parity_within <- function(what, name) if (nzchar(what)) paste0(what, "$", name, recycle0 = TRUE) else name

parity_piece <- function(left, right, what) {
  left <- parity_plain(left, what)
  right <- parity_plain(right, what)
  shapes <- list(parity_shape(left), parity_shape(right))
  if (!identical(shapes[[1]], shapes[[2]])) {
    parity_unlike("shapes ", parity_shown(shapes[[1]]), " and ", parity_shown(shapes[[2]]), parity_in(what))
  }
  if (is.null(dim(left))) {
    # Names along both say what belongs together.
    labels <- list(if (!is.null(names(right))) names(left))
    if (!is.null(labels[[1]])) {
      parity_require_same(names(left), names(right), "name", what)
      right <- right[names(left)]
    }
  } else {
    labels <- lapply(seq_along(dim(left)), function(axis) {
      one <- dimnames(left)[[axis]]
      if (identical(one, dimnames(right)[[axis]])) one
    })
  }
  list(what = if (nzchar(what)) what else "values", left = left, right = right, names = labels)
}

parity_plain <- function(x, what) {
  if (is.factor(x)) x <- as.character(x)
  if (!is.atomic(x) || is.complex(x) || is.raw(x)) {
    parity_unlike(parity_kind(x), parity_in(what), " is no array of numbers or text")
  }
  x
}

parity_shape <- function(x) as.integer(if (is.null(dim(x))) length(x) else dim(x))

parity_shown <- function(shape) paste0("(", paste(shape, collapse = ", "), ")")

parity_require_same <- function(left, right, noun, what) {
  for (names in list(left, right)) {
    if (anyDuplicated(names)) {
      parity_unlike("two ", noun, "s are called ", parity_listed(names[duplicated(names)]), parity_in(what))
    }
  }
  gone <- list(left = setdiff(left, right), right = setdiff(right, left))
  gone <- gone[lengths(gone) > 0]
  if (length(gone)) {
    said <- vapply(names(gone), function(side) {
      names <- gone[[side]]
      paste0("only the ", side, " has the ", noun, if (length(names) != 1) "s", " ", parity_listed(names))
    }, "")
    parity_unlike(paste(said, collapse = "; "), parity_in(what))
  }
}

# Six names are listed; of more, the rest are counted.
parity_listed <- function(names) {
  more <- if (length(names) > 6) paste(" and", length(names) - 6, "more")
  paste0(paste0("'", utils::head(names, 6), "'", collapse = ", "), more)
}

parity_in <- function(what) if (nzchar(what)) paste0(", in ", what) else ""

parity_kind <- function(x) paste("a", class(x)[1])

# The pair of a study as `parity curves` judges it; a sentence where it does not get so far.
parity_curves <- function(study, left, right, method, draws, parity) {
  if (!requireNamespace("jsonlite", quietly = TRUE)) {
    return("the verdict of parity is JSON, and jsonlite is not installed; install.packages(\"jsonlite\") mends it")
  }
  if (!nzchar(Sys.which(parity)) && !file.exists(parity)) {
    return(paste0(
      "there is no command '", parity, "'; install parity, or name its place: ",
      "Sys.setenv(PARITY = \"/path/to/.venv/bin/parity\")"
    ))
  }
  found <- tempfile(fileext = ".json")
  told <- tempfile(fileext = ".txt")
  on.exit(unlink(c(found, told)))
  words <- c("curves", left, right, "--study", study, "--json", found, "--quiet")
  if (!is.null(method)) words <- c(words, "--method", method)
  if (!is.null(draws)) words <- c(words, "--draws", format(draws, scientific = FALSE))
  code <- suppressWarnings(system2(parity, shQuote(words), stdout = told, stderr = told, env = parity_libraries()))
  # 0: the curves agree or are undecided; 1: they differ. All else is a request that was wrong or could not be met.
  if (!code %in% 0:1 || !file.exists(found)) {
    return(paste(c(utils::tail(readLines(told, warn = FALSE), 1), paste("exit code", code)), collapse = "; "))
  }
  pairs <- jsonlite::read_json(found)$pairs
  if (length(pairs) == 1) {
    return(pairs[[1]])
  }
  paste("the two are compared under several methods; name one:", toString(vapply(pairs, `[[`, "", "method")))
}

# Where the command is to look for shared libraries: where R looks, but for what R's own start put first. Among that is
# the system's folder, whose libpython is not that of the Python that parity is installed in.
parity_libraries <- function() {
  start <- file.path(R.home("etc"), "ldpaths")
  if (!file.exists(start)) {
    return(character())
  }
  added <- system2(
    "sh", c("-c", shQuote(paste(".", shQuote(start), "&& echo \"$LD_LIBRARY_PATH\""))),
    stdout = TRUE, env = "LD_LIBRARY_PATH="
  )
  paths <- lapply(c(Sys.getenv("LD_LIBRARY_PATH"), added), function(path) strsplit(path, ":", fixed = TRUE)[[1]])
  paste0("LD_LIBRARY_PATH=", shQuote(paste(setdiff(paths[[1]], paths[[2]]), collapse = ":")))
}

# A pair as it is read in a failed test.
parity_curves_text <- function(pair) {
  gaps <- vapply(pair$sizes, function(size) abs(size$gap), 0)
  judged <- vapply(pair$sizes, function(size) startsWith(size$verdict, "different"), TRUE)
  facts <- c(because = pair$reason)
  if (length(gaps)) {
    widest <- pair$sizes[[which.max(if (any(judged)) ifelse(judged, gaps, -1) else gaps)]]
    interval <- if (is.null(widest$low)) "" else sprintf(" [%+.4f, %+.4f]", widest$low, widest$high)
    values <- sprintf("%.4f   %.4f   gap %+.4f%s", widest$left, widest$right, widest$gap, interval)
    facts <- c(accuracy = paste(values, "at n =", widest$n), facts)
  }
  tolerance <- pair$curves$tolerance
  facts <- c(facts, tolerance = sprintf("%s (%s)", format(tolerance$value), tolerance$reason))
  if (!is.null(pair$first)) facts <- c(facts, "first parts at" = sprintf("rung 3, n = %d", pair$first))
  counted <- sprintf("%d size%s", length(gaps), if (length(gaps) == 1) "" else "s")
  parity_card(
    paste0(pair$left, "  ~  ", pair$right, "   ", pair$method, ", ", counted), pair$verdict,
    c(facts, rerun = pair$rerun)
  )
}
