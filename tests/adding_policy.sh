#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# adding_policy.sh: does what docs/adding-a-policy.md says, to the letter, in a copy of the tree.
#
# Each code block of the document that names a file becomes that file; each block of shell commands is run, in the order
# of the document, and the comparison must name the new policy. Run it at the top of the tree, a git checkout. Needs no KVM.
# The copy shares nothing with the tree, so it is built anew: about half a minute.
set -eu -o pipefail
document=docs/adding-a-policy.md name=cflru
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
git ls-files -z --cached --others --exclude-standard | tar --null --files-from=- --create | tar --extract --directory "$copy"
cd "$copy"
unset MAKEFLAGS MAKELEVEL MFLAGS O

# Writes the files, and a script of the shell blocks.
awk -v script="$copy/steps.sh" '
	/^```c / { file = $2; next }
	/^```sh$/ { file = script; print "# step " ++steps >script; next }
	/^```/ { if (file && file != script) close(file); file = ""; next }
	file { print >file }
	END { if (!steps) exit 1 }
' "$document"
test -s mm/policy/$name.c
MAKEFLAGS=-j$(nproc) bash -eux steps.sh 2>&1 | tee steps.log
grep -q "^$name *[0-9]* misses *[0-9]* written" steps.log
echo "PASS adding_policy"
