# The screen of the R engines: genefilter's colFtests, as the 2017 script called it, and what is told of it.

# The columns of a fit, and what colFtests said of all of them where it was asked.
screen <- function(spec, train, options) screened(spec, train, options)$selected

# The columns of smallest p-value by genefilter's colFtests, as the 2017 script chose them: which(rank(p) <= k).
# Ties may leave none; a constant column has no p-value and ranks last. `options$selected` names the columns instead,
# and a Linear has no screen. scores: NULL where they are not asked for, and where colFtests chose nothing.
screened <- function(spec, train, options) {
  chosen <- option(options, "selected", if (is_linear(spec)) colnames(train$x))
  if (!is.null(chosen)) {
    return(list(selected = as.character(chosen), scores = NULL))
  }
  tests <- genefilter::colFtests(train$x, factor(train$y))
  kept <- which(rank(tests$p.value, ties.method = option(spec, "ties", "average")) <= spec$k)
  scores <- list(ranked_by = "p_value", statistic = tests$statistic, p_value = tests$p.value)
  list(selected = colnames(train$x)[kept], scores = if (isTRUE(option(options, "scores"))) scores)
}

# The screen as R code, or the columns that stand in its place.
screen_code <- function(spec, options) {
  chosen <- option(options, "selected")
  if (!is.null(chosen) || is_linear(spec)) {
    return(paste("selected <-", if (is.null(chosen)) "colnames(x_train)" else code_of(as.character(chosen))))
  }
  ties <- if (identical(option(spec, "ties"), "first")) ', ties.method = "first"' else ""
  c(
    "p_value <- genefilter::colFtests(x_train, factor(y_train))$p.value",
    sprintf("selected <- which(rank(p_value%s) <= %d)", ties, as.integer(spec$k))
  )
}

# The screen as a native call of a translation; none where columns are given, and none of a Linear.
screen_calls <- function(spec, options) {
  if (is.null(option(options, "selected")) && !is_linear(spec)) {
    list(native_call("genefilter::colFtests", x = "x_train", fac = "factor(y_train)"))
  }
}

# Rows of defaults() for what the screen calls; neither function returns anything that tells how it was called.
screen_rows <- function(spec, options) {
  if (is.null(option(options, "selected")) && !is_linear(spec)) {
    c(
      declared("genefilter::colFtests", genefilter::colFtests, list(x = "x_train", fac = "factor(y_train)")),
      declared("base::rank", rank, list(x = "p_value", ties.method = option(spec, "ties", "average")))
    )
  }
}

screen_gaps <- function(spec, options) {
  if (is.null(option(options, "selected")) && !is_linear(spec) && identical(option(spec, "screen"), "welch-like")) {
    list(cannot_express("screen", "colFtests pools the variances of the two classes; it has no Welch-like form"))
  } else {
    list()
  }
}
