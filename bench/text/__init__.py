"""Finding identifying text: own strings with the truth, our finder and Presidio's analyzer on them in one run."""
