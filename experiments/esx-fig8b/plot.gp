# Figure 8b, from figure.csv in the current folder.
set terminal pngcairo size 1000,520 font "sans,10"
set output "figure.png"
set datafile separator comma
set datafile columnheaders
set title "A boot storm: 512 MiB of guests on a machine of 256 MiB" font ",13"
set border 3 lc rgb "#606060"
set tics nomirror
set grid ytics lc rgb "#e0e0e0"
set xlabel "seconds"
set ylabel "MiB"
set yrange [0:*]
set key outside right top Left reverse
plot "figure.csv" using 1:"allocated_mib" with lines lw 2 lc rgb "#303030" title "allocated to guests", \
     "" using 1:"in_use_mib" with lines lw 2 lc rgb "#3b6ea5" title "machine memory in use", \
     256 with lines dt 2 lc rgb "black" title "the machine", \
     "figure.csv" using 1:"shared_mib" with lines lw 2 lc rgb "#6aa6a0" title "shared", \
     "" using 1:"zero_mib" with lines lw 1 dt 3 lc rgb "#6aa6a0" title "of which zero pages", \
     "" using 1:"ballooned_mib" with lines lw 2 lc rgb "#e0a84e" title "ballooned", \
     "" using 1:"swapped_mib" with lines lw 2 lc rgb "#c8604f" title "swapped"
