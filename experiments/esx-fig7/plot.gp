# Figure 7, from figure.csv in the current folder: the run without tax, then the one with 75 %, side by side.
set terminal pngcairo size 1000,640 font "sans,10"
set output "figure.png"
set datafile separator comma
set datafile columnheaders
set border 3 lc rgb "#606060"
set tics nomirror
set grid ytics lc rgb "#e0e0e0"
set multiplot layout 2,2 title "Two guests of equal shares, 256 MiB each, on 360 MiB: no idle memory tax, and 75 %" font ",13"
set xlabel "seconds"
set yrange [0:270]
set key bottom right Left reverse
do for [tax in "0 75"] {
	rows = "< awk -F, 'NR == 1 || $1 == " . tax . "' figure.csv"
	set title "tax " . tax . " %"
	set ylabel "MiB"
	plot rows using 2:"idle_resident_mib" with lines lw 2 lc rgb "#e0a84e" title "idle guest has", \
	     "" using 2:"idle_target_mib" with lines dt 2 lc rgb "#e0a84e" title "its target", \
	     "" using 2:"busy_resident_mib" with lines lw 2 lc rgb "#3b6ea5" title "busy guest has", \
	     "" using 2:"busy_target_mib" with lines dt 2 lc rgb "#3b6ea5" title "its target"
}
unset title
set yrange [0:*]
do for [tax in "0 75"] {
	rows = "< awk -F, 'NR == 1 || $1 == " . tax . "' figure.csv"
	set ylabel "thousand touches a second"
	plot rows using 2:(column("work_per_second") / 1000) with lines lw 2 lc rgb "#6aa6a0" title "work of the busy guest"
}
unset multiplot
