#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# check-layers.sh LAYERS OBJDIR: holds the includes and the undefined symbols of the code against a layers file.
#
# LAYERS has a line a module: "name : modules it may include". A module is a folder, nested ones by path (mm/policy);
# a file belongs to the longest module name that is a prefix of its path. "!name" marks a host-independent module
# (no system call, clock, random source, stdio, environment), "!!name" one that must also run inside a guest kernel
# (memory functions only; memory comes from the caller). OBJDIR holds the release objects, laid out as the sources are.
# Fails on: an include that is not allowed, a relative include, a folder with C files in no module, a host symbol in a
# marked module, and when there was nothing to check.
set -u
layers=$1 objects=$2 status=0
defined=$(find "$objects" -name '*.o' ! -path "$objects/vmm/*" ! -path "$objects/cmd/*" ! -path "$objects/tests/*" \
  -exec nm --defined-only {} + 2>/dev/null | awk 'NF == 3 { print $3 }' | sort -u)
out=$(git ls-files --cached --others --exclude-standard '*.c' '*.h' | grep -vE '^(tests|experiments|results|docs)/' | while read -r file; do
  [ -e "$file" ] || continue
  sed -n "s|^[[:space:]]*#[[:space:]]*include[[:space:]]*[\"<]\([^\">]*\)[\">].*|$file \1|p" "$file"; echo "$file -"
done | awk -v layers="$layers" '
  BEGIN { while ((getline line < layers) > 0) { if (line !~ /:/) continue; split(line, part, ":"); gsub(/[! \t]/, "", part[1]); module[part[1]] = " " part[1] " " part[2] " " } }
  function owner(path,   best, m) { best = ""; for (m in module) if (index(path, m "/") == 1 && length(m) > length(best)) best = m; return best }
  { mine = owner($1); if (mine == "") { if (!($1 in told)) print $1 ": in no module of " layers; told[$1] = 1; next }
    if ($2 == "-") { files++; next }
    if ($2 ~ /^\.\.?\//) { print $1 ": relative include " $2; next }
    theirs = owner($2); if (theirs != "" && index(module[mine], " " theirs " ") == 0) print $1 ": " mine " must not include " theirs " (" $2 ")" }
  END { if (!files) print "no C files found" }')
[ -z "$out" ] || { echo "$out"; status=1; }
seen=0
for line in $(sed -n 's/^\(!!*\)\([a-z/-]*\) *:.*/\1\2/p' "$layers"); do
  module=${line##*!}; case $line in !!*) ok='mem(cpy|move|set|cmp)';; *) ok='malloc|calloc|realloc|free|mem(cpy|move|set|cmp)|__mem(cpy|move|set)_chk|str(len|cmp|ncmp|chr)|v?snprintf|__v?snprintf_chk|abort|__assert_fail|__stack_chk_fail|LZ4_[A-Za-z_]*|__u?(div|mod)ti3|__popcountdi2';; esac
  inner=$(sed -n "s|^!*\($module/[a-z/-]*\) *:.*|\1|p" "$layers")
  for object in $(find "$objects/$module" -name '*.o' 2>/dev/null); do
    for skip in $inner; do case $object in "$objects/$skip"/*) continue 2;; esac; done
    source=${object#"$objects"/}
    [ -e "${source%.o}.c" ] || continue
    seen=1
    for symbol in $(nm -u "$object" | awk '{ print $NF }'); do
      echo "$symbol" | grep -qxE "$ok|_GLOBAL_OFFSET_TABLE_" && continue
      echo "$defined" | grep -qxF -- "$symbol" && continue
      echo "$object: host symbol $symbol"; status=1
    done
  done
done
[ $seen = 1 ] || { echo "no objects of host-independent modules under $objects"; status=1; }
exit $status
