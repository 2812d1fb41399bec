# Prints what go test -bench reports as a table in Markdown: a line for each
# figure, with the least, mean and greatest where there are several and the goal
# where there is one. Fails where a benchmark does.
BEGIN {
	print "| measured | min | mean | max | goal |"
	print "|---|---|---|---|---|"
}
/^Benchmark/ && NF > 2 {
	name = $1
	sub(/^Benchmark(Goal)?/, "", name)
	sub(/-[0-9]+$/, "", name)
	gsub(/_/, " ", name)
	gsub(/\//, ", ", name)
	split("", value)
	for (i = 3; i < NF; i += 2) value[$(i + 1)] = $i
	if ("min" in value) {
		row(name, value["min"], value["mean"], value["max"], value["goal"])
		next
	}
	for (i = 3; i < NF; i += 2) if ($(i + 1) != "ns/op") row(name ", " $(i + 1), "", $i, "", "")
	next
}
/^(panic:|FAIL|--- FAIL)/ { failed = 1 }
/^(ok|PASS|goos|goarch|pkg|cpu)/ { next }
NF { print > "/dev/stderr" }
END { exit failed }
function row(name, least, mean, most, goal) {
	printf "| %s | %s | %s | %s | %s |\n", name, least, mean, most, goal
	fflush()
}
