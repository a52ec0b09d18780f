n_hidden = 5
learning_rate = 3e-2
max_iters = 14
