# SPDX-License-Identifier: GPL-2.0
#
# Reads what the tests printed in several boots of a kernel that the driver is built into, one after
# the other, and knows from it of each case what it came to: a skip is good until another boot has
# something better.
#
# -v output=wanted: a line for each case that another boot would be good for:
#     shared or own, the driver's parameters, the program, and the case, with tabs in between
# -v output=result: all of it as one boot would have printed it

/^### start / {
	program = $3
	if (!(program in status)) {
		programs[++program_count] = program
		status[program] = 0
	}
	planned = seen = 0
	notes = ""
	delete times
	next
}

/^### end / {
	# The guest's own end comes when no program runs any more, or in the midst of one.
	if (program == "")
		guest_status = $3
	else if (planned != seen)
		broken[program] = "ended with status " $3 " after " seen " of " planned + 0 " cases"
	else if (!status[program])
		status[program] = $3
	program = ""
	next
}

program == "" { next }

/^1\.\.[0-9]+$/ { planned = substr($0, 4) }

/^(not )?ok [0-9]+ / {
	verdict = $1 == "not" ? "not ok" : "ok"
	name = $0
	sub(/^(not )?ok [0-9]+ (- )?/, "", name)
	reason = ""
	if (match(name, / *# SKIP */)) {
		reason = substr(name, RSTART + RLENGTH)
		name = substr(name, 1, RSTART - 1)
	}
	seen++
	# Two cases of a program may have one name.
	key = program SUBSEP name SUBSEP (++times[name])
	if (!(key in verdicts)) {
		count = ++case_count[program]
		cases[program, count] = key
		names[key] = name
	}
	# A boot with parameters that do not suit says nothing new.
	if (!(key in verdicts) || verdict == "not ok" ||
	    (reasons[key] != "" && reason !~ /^built in: needs a boot with /)) {
		verdicts[key] = verdict
		reasons[key] = reason
		diagnostics[key] = notes
	}
	notes = ""
	next
}

/^#/ && !/^# +(RUN|OK|SKIP) / { notes = notes $0 "\n" }

function print_wanted(key, program,    params) {
	params = reasons[key]
	if (sub(/^built in: needs a boot of its own with /, "", params))
		print "own\t" params "\t" program "\t" names[key]
	else if (sub(/^built in: needs a boot with /, "", params))
		print "shared\t" params "\t" program "\t" names[key]
}

function print_result(key, number) {
	printf "%s%s %d %s%s\n", diagnostics[key], verdicts[key], number, names[key],
		(reasons[key] != "" ? " # SKIP " reasons[key] : "")
}

END {
	if (program != "")
		broken[program] = "did not come to its end"
	for (i = 1; i <= program_count; i++) {
		program = programs[i]
		count = case_count[program]
		if (output == "wanted") {
			for (j = 1; j <= count; j++)
				print_wanted(cases[program, j], program)
			continue
		}
		print "### start " program
		print "1.." count + (program in broken)
		for (j = 1; j <= count; j++)
			print_result(cases[program, j], j)
		if (program in broken)
			print "not ok " j " " program " " broken[program]
		print "### end " status[program]
	}
	if (output == "result" && guest_status != "")
		print "### end " guest_status
}
