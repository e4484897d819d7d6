# For cases marked numbers-masked: profile prints times, and shares and charts of times; devices tells memory and
# drivers of the machine. Words, columns and keys stay.
s/[0-9]+([.,][0-9]+)*(E-?[0-9]+)?/N/g
# A number takes more or less room in a table.
s/ +/ /g
s/(─)+/─/g
# A wide chart mark may be left out where a time is 0.
s/-N/N/g
