# Figure 6, from figure.csv in the current folder: what is in use and what is estimated, for each of the estimators.
set terminal pngcairo size 1000,900 font "sans,10"
set output "figure.png"
set datafile separator comma
set datafile columnheaders
set border 3 lc rgb "#606060"
set tics nomirror
set grid ytics lc rgb "#e0e0e0"
set multiplot layout 3,1 title "A guest of 256 MiB that uses 50, 100, 200, 150, 250, 50 MiB: what three estimators make of it" font ",13"
set ylabel "MiB"
set yrange [0:265]
set xrange [0:*]
set key outside right top Left reverse samplen 2
set rmargin 22
set style fill solid noborder
title_touch = "touch (ESX): a sample of 100 pages a second of running time"
title_write = "write: the same sample, only writes count; 1 % of the touches write"
title_refault = "refault: what comes back from swap; the guest has 128 MiB of memory here"
do for [e in "touch write refault"] {
	rows = "< awk -F, 'NR == 1 || $1 == \"" . e . "\"' figure.csv"
	set title (e eq "touch" ? title_touch : e eq "write" ? title_write : title_refault)
	if (e eq "refault") { set xlabel "seconds" }
	plot rows using 2:"used_mib" with fillsteps fc rgb "#e4e4e4" title "in use", \
	     "" using 2:(e eq "refault" ? NaN : column("period_mib")) with points pt 7 ps 0.6 lc rgb "#e0a84e" title (e eq "refault" ? "" : "a period alone"), \
	     "" using 2:(e eq "refault" ? column("resident_mib") : NaN) with lines dt 2 lc rgb "#6aa6a0" title (e eq "refault" ? "in memory" : ""), \
	     "" using 2:"estimate_mib" with lines lw 2 lc rgb "#3b6ea5" title "estimate"
}
unset multiplot
