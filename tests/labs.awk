# SPDX-License-Identifier: GPL-2.0-or-later
#
# labs.awk: misses of a policy on a text trace (a page a line), by its definition, as naively as can be, for labs.sh.
#
#   awk -v policy=fifo|lru|opt -v sizes="3 4" -f tests/labs.awk TRACE
#
# Prints a line a size: policy, frames, misses.
{ page[NR] = $1 }

# A queue of pages in order of arrival.
function fifo(c,   i, first, last, misses, queue, here) {
	for (i = 1; i <= NR; i++) {
		if (page[i] in here) continue
		misses++
		if (last - first == c) delete here[queue[first++]]
		queue[last++] = page[i]
		here[page[i]]
	}
	return misses
}

# How many pages were used since a page was last used: with more frames than that, its next request is a hit.
function distances(   i, k, x, y, pages, stack) {
	for (i = 1; i <= NR; i++) {
		y = page[i]
		for (k = 0; k < pages; k++) {
			x = stack[k]; stack[k] = y; y = x
			if (y == page[i]) break
		}
		if (k == pages) { stack[pages++] = y; k = -1 }
		at[k]++
	}
}
function lru(c,   k, misses) {
	misses = NR
	for (k = 0; k < c; k++) misses -= at[k]
	return misses
}

# Who is used last of all, or never again, leaves.
function opt(c,   i, n, x, out, misses, soon, when) {
	for (i = NR; i; i--) { after[i] = page[i] in soon ? soon[page[i]] : NR + 1; soon[page[i]] = i }
	for (i = 1; i <= NR; i++) {
		if (!(page[i] in when)) {
			misses++
			if (n == c) {
				out = ""
				for (x in when) if (out == "" || when[x] > when[out]) out = x
				delete when[out]
			} else
				n++
		}
		when[page[i]] = after[i]
	}
	return misses
}

END {
	nr = split(sizes, size)
	if (policy == "lru") distances()
	for (s = 1; s <= nr; s++)
		print policy, size[s], policy == "lru" ? lru(size[s]) : policy == "fifo" ? fifo(size[s]) : opt(size[s])
}
