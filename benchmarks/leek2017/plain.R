# The 2017 experiment as an R user writes it: one script, one fit after another.
#
#   Rscript benchmarks/leek2017/plain.R rows.csv pool.csv answers.csv
#
# pool.csv   label, pixel0 … pixel783 of every zero and one
# rows.csv   n, draw, set (train or test), row: those of `parity reproduce leek2017`, so that both fit the same data
# answers.csv  n, draw, method, accuracy

suppressPackageStartupMessages({
  library(genefilter)
  library(h2o)
})
argv <- commandArgs(trailingOnly = TRUE)
rows <- read.csv(argv[1])
pool <- read.csv(argv[2])
h2o.init(nthreads = -1, bind_to_localhost = TRUE, name = paste0("plain-", Sys.getpid()), port = as.integer(argv[4]))
h2o.no_progress()

test_rows <- rows$row[rows$set == "test"]
test <- pool[test_rows, ]
test_h2o <- as.h2o(transform(test, label = factor(label)))

answers <- list()
draws <- unique(rows[rows$set == "train", c("n", "draw")])
for (i in seq_len(nrow(draws))) {
  chosen <- rows$set == "train" & rows$n == draws$n[i] & rows$draw == draws$draw[i]
  train <- pool[rows$row[chosen], ]

  p_value <- colFtests(as.matrix(train[, -1]), factor(train$label))$p.value
  leekasso <- which(rank(p_value) <= 10)
  model <- lm(label ~ ., data = train[, c(1, leekasso + 1)])
  predicted <- suppressWarnings(predict(model, test)) > 0.5
  answers[[length(answers) + 1]] <-
    data.frame(draws[i, ], method = "leekasso-lm", accuracy = mean(predicted == test$label))

  train_h2o <- as.h2o(transform(train, label = factor(label)))
  model <- suppressWarnings(h2o.deeplearning(
    x = 2:785, y = 1, training_frame = train_h2o, activation = "Tanh", hidden = rep(160, 5), epochs = 20
  ))
  predicted <- as.data.frame(h2o.predict(model, test_h2o))$predict
  answers[[length(answers) + 1]] <-
    data.frame(draws[i, ], method = "mlp-leek", accuracy = mean(predicted == test$label))
}
write.csv(do.call(rbind, answers), argv[3], row.names = FALSE)
h2o.shutdown(prompt = FALSE)
