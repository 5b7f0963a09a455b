# What the tests share: the engines, rows to fit, and one H2O server.

engine <- function(name) {
  environment <- new.env()
  source(testthat::test_path("..", "..", "..", "r_scripts", paste0(name, "_engine.R")), local = environment)
  environment
}

# Rows of two overlapping classes; the features differ in their means by 1 down to 0.
drawn_rows <- function(n, p, seed = 1) {
  set.seed(seed)
  y <- rep_len(c(0L, 1L, 1L, 0L), n)
  x <- matrix(rnorm(n * p), n, p) + outer(y, seq(1, 0, length.out = p))
  colnames(x) <- paste0("pixel", seq_len(p))
  list(x = x, y = y)
}

leekasso <- function(model, ...) {
  utils::modifyList(
    list(family = model, model = model, k = 3L, screen = "f-test", ties = "average", threshold = 0.5), list(...)
  )
}

mlp <- function(...) {
  utils::modifyList(list(family = "mlp", hidden = c(8L, 4L), activation = "tanh", epochs = 3L), list(...))
}

# Rows of defaults() of one function, by the names of its parameters.
rows_of <- function(rows, fn) {
  rows <- Filter(function(row) row$`function` == fn, rows)
  stats::setNames(rows, vapply(rows, `[[`, "", "name"))
}

functions_of <- function(rows) unique(vapply(rows, `[[`, "", "function"))

parameters_of <- function(fn) setdiff(names(formals(fn)), "...")

expect_same_parameters <- function(rows, functions) {
  for (label in names(functions)) {
    testthat::expect_identical(names(rows_of(rows, label)), parameters_of(functions[[label]]), label = label)
  }
}

# Names of the parameters that an override sets, found by trying every one: those that arguments() does not refuse. The
# value is a word that Keras' optimizer takes; nothing else is made of it here.
overridable <- function(arguments, names) {
  Filter(function(name) {
    tryCatch(is.list(arguments(list(overrides = stats::setNames(list("sgd"), name)))), error = function(e) FALSE)
  }, names)
}

# but: names that an override would set all the same, and that no probe may.
expect_overrides <- function(rows, arguments, but = character()) {
  said <- vapply(rows, `[[`, TRUE, "override")
  names <- vapply(rows, `[[`, "", "name")
  testthat::expect_setequal(unique(names[said]), setdiff(overridable(arguments, unique(names)), but))
}

# What the printed code computes, from the arrays that it starts from.
run_code <- function(code, train, test) {
  environment <- list2env(list(x_train = train$x, y_train = train$y, x_test = test$x), parent = globalenv())
  eval(parse(text = code), environment)
  environment
}

# The server of the H2O tests, started on a free port of this machine alone; NULL where there is no Java or no jar.
h2o_server <- local({
  server <- NULL
  function() {
    jar <- Sys.getenv("H2O_JAR_PATH")
    if (is.null(server) && nzchar(Sys.which("java")) && file.exists(jar)) server <<- start_h2o(jar)
    server
  }
})

start_h2o <- function(jar) {
  folder <- tempfile("h2o")
  dir.create(folder)
  port <- free_port()
  # Without the flat file the JVM looks for other clouds in the network.
  writeLines(paste0("127.0.0.1:", port), file.path(folder, "flat"))
  name <- paste0("parity-test-", Sys.getpid())
  pid <- system(paste(
    "java -Xmx1g -jar", shQuote(jar), "-ip 127.0.0.1 -web_ip 127.0.0.1 -port", port, "-name", name,
    "-log_level ERRR -flatfile", shQuote(file.path(folder, "flat")), "-ice_root", shQuote(folder),
    "> /dev/null 2>&1 & echo $!"
  ), intern = TRUE)
  withr::defer(tools::pskill(as.integer(pid)), envir = testthat::teardown_env())
  server <- list(url = paste0("http://127.0.0.1:", port), name = name)
  # A JVM on a busy machine has needed 20 s.
  for (second in 1:60) {
    answers <- tryCatch(
      length(suppressWarnings(readLines(paste0(server$url, "/3/Cloud"), warn = FALSE))) > 0,
      error = function(e) FALSE
    )
    if (answers) {
      return(server)
    }
    Sys.sleep(1)
  }
  NULL
}

free_port <- function() {
  for (port in sample(20000:60000, 50)) {
    # H2O takes the next port as well.
    sockets <- tryCatch(lapply(c(port, port + 1), serverSocket), error = function(e) NULL)
    if (!is.null(sockets)) {
      lapply(sockets, close)
      return(port)
    }
  }
  stop("no free port")
}
