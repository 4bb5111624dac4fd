# Lines "devices/bench-00042/telemetry {"ts": 1767225600000, "values": {"a": 1, …}}" become rows for
# psql, a COPY and so a commit for every 5,000 messages. Set: table.
BEGIN { FS = "[^0-9A-Za-z_.+-]+" }
$1 == "devices" {
    if (n++ % 5000 == 0) print "COPY " table " FROM STDIN;"
    series = substr($2, 7) * 5
    seconds = substr($5, 1, length($5) - 3)
    ts = strftime("%Y-%m-%d %H:%M:%S", seconds, 1) "." substr($5, length($5) - 2) "+00"
    for (i = 1; i <= 5; i++) print series + i "\t" ts "\t" $(6 + 2 * i)
    if (n % 5000 == 0) { print "\\."; fflush() }
}
END { if (n % 5000) print "\\." }
