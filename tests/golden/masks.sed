# What two runs of the same program do not share. Each rule has its reason. The version of the build, its folder and
# the folder of the outputs are masked by name in compare.

# Seconds of a run in JSON, and their standard deviation over runs: lens train, train, unlearn train, run and sweep.
s/"((find_|apply_)?seconds(_spread)?)":( ?)[0-9][0-9.Ee+-]*/"\1":\4TIME/g

# Speed in JSON: eval, and each line of train's metrics.jsonl.
s/"(tokens_per_second)":( ?)[0-9][0-9.Ee+-]*/"\1":\2SPEED/g

# Remark of generate: 20 tokens, 312.4 a second.
s/^([0-9]+ tokens), [0-9.]+ a second$/\1, SPEED/

# Remark of inject sweep: 60 cells in 0.3 s, 190 a second.
s/^([0-9]+ cells) in [0-9.]+ s, [0-9]+ a second/\1 in TIME, SPEED/

# Remark of unlearn sweep: 12 cells in 1.2 s.
s/^([0-9]+ cells) in [0-9.]+ s;/\1 in TIME;/

# Remark of tour: 4.7 s.
s/^[0-9.]+ s$/TIME/

# Hours, minutes and seconds that train and lens train took, or have left.
s/\b[0-9]{2}:[0-9]{2}:[0-9]{2}\b/TIME/g

# unlearn train: trained 2 epochs in 3 s, and its remark: epoch 1 of 2, 1 s.
s/^(trained [0-9]+ epochs) in [0-9]+ s$/\1 in TIME/
s/^(epoch [0-9]+ of [0-9]+), [0-9]+ s:/\1, TIME:/

# Speed in eval's line and in train's remarks: 8200 tokens/s.
s/\b[0-9]+ tokens\/s\b/SPEED/g

# First line of unlearn run: 40 sequences to forget, 20 to keep, 8.25 s.
s/( sequences to forget, [0-9]+ to keep), [0-9.]+ s$/\1, TIME/
