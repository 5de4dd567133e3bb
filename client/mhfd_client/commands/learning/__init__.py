"""The commands of what is learned: dataset, train, evaluate and models. Thin, as the others."""
