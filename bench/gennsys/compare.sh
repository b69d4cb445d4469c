#!/bin/sh
# Times the reader against the sqlite3 shell on the same export: three scans of
# the columns that the reader reads (printed to nowhere, and only added up), and
# the reader, with all it makes of them.
#
#	go run ./bench/gennsys -o /tmp/big.sqlite && bench/gennsys/compare.sh /tmp/big.sqlite
set -eu
file=$(realpath "$1")
cd "$(dirname "$0")/../.."
reader=$(mktemp)
program=$(mktemp)
trap 'rm -f "$reader" "$program"' EXIT
go test -c -o "$reader" ./nsys
go build -o "$program" ./cmd/omnitrace

kernels='CUPTI_ACTIVITY_KIND_KERNEL'
kernel_columns='start,end,deviceId,contextId,streamId,correlationId,globalPid,demangledName,gridX,gridY,gridZ,blockX,blockY,blockZ,graphNodeId'
call_columns='start,end,globalTid,correlationId,nameId'
nvtx_columns='start,end,globalTid,eventType,text,textId,domainId'

# seconds COMMAND… prints how long a command took.
seconds() {
	began=$(date +%s%N)
	"$@" >/dev/null
	echo "$(date +%s%N) $began" | awk '{printf "%.2f s", ($1 - $2) / 1e9}'
}
# added turns a list of columns into sums of them, max() for texts alike.
added() { echo "$1" | sed 's/[^,]*/max(&)/g'; }

# measured COMMAND… prints the wall time, the CPU time and the peak memory of a
# command (GNU time).
measured() {
	command time -f '%e s, CPU %U + %S s, %M kB' "$@" 2>&1 >/dev/null | tail -1
}

cat "$file" >/dev/null # into the page cache, for all alike
for round in 1 2; do
	echo "round $round"
	echo "  shell, maxima only:   kernels $(seconds sqlite3 "$file" "SELECT $(added $kernel_columns) FROM $kernels"),\
 calls $(seconds sqlite3 "$file" "SELECT $(added $call_columns) FROM CUPTI_ACTIVITY_KIND_RUNTIME"),\
 ranges $(seconds sqlite3 "$file" "SELECT $(added $nvtx_columns) FROM NVTX_EVENTS")"
	echo "  shell, one after the other, rows printed:"
	echo "    kernels $(measured sqlite3 "$file" "SELECT $kernel_columns FROM $kernels")"
	echo "    calls $(measured sqlite3 "$file" "SELECT $call_columns FROM CUPTI_ACTIVITY_KIND_RUNTIME")"
	echo "    ranges $(measured sqlite3 "$file" "SELECT $nvtx_columns FROM NVTX_EVENTS")"
	echo "  summarize: $(measured "$program" summarize -q --format json "$file")"
	OMNITRACE_NSYS_EXPORT=$file "$reader" -test.run '^$' -test.bench Large -test.benchtime 1x | sed -n 's|^BenchmarkLarge/|  reader, |p'
done
