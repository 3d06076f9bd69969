#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# commands.sh PROMPT HEADING: prints the commands that docs/install.md has after that prompt, under that heading.

awk -v prompt="$1 " -v heading="## $2" '
	/^```/ { inside = !inside; next }
	!inside && /^#/ { found = $0 == heading; next }
	inside && found && index($0, prompt) == 1 { print substr($0, length(prompt) + 1) }
' "$(dirname "$0")/../../docs/install.md"
