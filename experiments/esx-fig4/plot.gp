# Figure 4, from figure.csv in the current folder; here: the folder of this script.
if (!exists("here")) here = "."
set terminal pngcairo size 1000,460 font "sans,10"
set output "figure.png"
set datafile separator comma
set datafile columnheaders
set multiplot layout 1,2 title "Page sharing between guests that are alike, 40 MiB each" font ",13"
set border 3 lc rgb "#606060"
set tics nomirror
set grid ytics lc rgb "#e0e0e0"
set xlabel "guests"
set xrange [0:10.8]
set xtics 1
set yrange [0:*]
set key left top Left reverse
set ylabel "MiB"
groups_of_two = "< awk -F, 'NR == 1 || $2 == 5' figure.csv"
one_group = "< awk -F, 'NR == 1 || $2 == 1' figure.csv"
plot one_group using 1:"configured_mib" with lines lc rgb "#a0a0a0" dt 2 title "configured", \
     "" using 1:"shared_mib" with linespoints lc rgb "#3b6ea5" pt 7 title "shared", \
     "" using 1:"saved_mib" with linespoints lc rgb "#c8604f" pt 7 title "saved", \
     groups_of_two using 1:"saved_mib" with points lc rgb "#c8604f" pt 6 ps 1.5 title "saved, in five groups of two"
set key right bottom Left reverse
set ylabel "percent of configured memory"
set yrange [0:100]
plot one_group using 1:"shared_percent" with linespoints lc rgb "#3b6ea5" pt 7 title "shared", \
     67 with lines lc rgb "#3b6ea5" dt 2 title "ESX, shared, many guests: 67 (published)", \
     one_group using 1:"saved_percent" with linespoints lc rgb "#c8604f" pt 7 title "saved", \
     60 with lines lc rgb "#c8604f" dt 2 title "ESX, saved: 60 (published, unverified)", \
     groups_of_two using 1:"saved_percent" with points lc rgb "#c8604f" pt 6 ps 1.5 title "saved, in five groups of two"
unset multiplot
