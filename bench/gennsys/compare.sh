#!/bin/sh
# Times the program against the sqlite3 shell on the same export, in turn: the
# shell's three scans of the columns that the reader reads, rows printed, and
# summaries of all and of kernels alone.
#
#	go run ./bench/gennsys -o /tmp/big.sqlite && bench/gennsys/compare.sh /tmp/big.sqlite
#
# ROUNDS is how often each is run (default: 2), PROGRAM the omnitrace to measure
# (default: built from here). All write to the null device. A ratio is that of a
# summary to the shell in the same round. Needs GNU time.
set -eu
file=$(realpath "$1")
cd "$(dirname "$0")/../.."
figures=$(mktemp)
built=
trap 'rm -f "$figures" $built' EXIT
if [ -z "${PROGRAM:-}" ]; then
	built=$(mktemp)
	PROGRAM=$built
	go build -o "$PROGRAM" ./cmd/omnitrace
fi

kernel_columns='start,end,deviceId,contextId,streamId,correlationId,globalPid,demangledName,gridX,gridY,gridZ,blockX,blockY,blockZ,graphNodeId'
call_columns='start,end,globalTid,correlationId,nameId'
nvtx_columns='start,end,globalTid,eventType,text,textId,domainId'

# measured NAME COMMAND… notes what a command took: wall, user and system time
# in seconds, and its largest resident set in kB.
measured() {
	name=$1
	shift
	command time -o "$figures" -a -f "$name %e %U %S %M" "$@" >/dev/null
}

cat "$file" >/dev/null # into the page cache, for all alike
for round in $(seq "${ROUNDS:-2}"); do
	: >"$figures"
	load=$(uptime | sed 's/.*average: //')
	measured kernels sqlite3 "$file" "SELECT $kernel_columns FROM CUPTI_ACTIVITY_KIND_KERNEL"
	measured calls sqlite3 "$file" "SELECT $call_columns FROM CUPTI_ACTIVITY_KIND_RUNTIME"
	measured ranges sqlite3 "$file" "SELECT $nvtx_columns FROM NVTX_EVENTS"
	measured summarize "$PROGRAM" summarize -q --format json "$file"
	measured kernels-only "$PROGRAM" summarize -q --format json --table kernels "$file"
	echo "round $round, load average $load"
	awk '
		{ wall[$1] = $2; cpu[$1] = $3 + $4; peak[$1] = $5 }
		function line(name, w, c) { printf "  %-28s %7.2f s   CPU %7.2f s", name, w, c }
		function against(what, name, w, c, most) {
			line(what, wall[name], cpu[name])
			printf "   peak %5d MB   of the shell: wall %.2f, CPU %.2f (target: %s)\n", peak[name] * 1024 / 1e6, wall[name] / w, cpu[name] / c, most
		}
		END {
			scans = wall["kernels"] + wall["calls"] + wall["ranges"]
			busy = cpu["kernels"] + cpu["calls"] + cpu["ranges"]
			line("shell, kernels", wall["kernels"], cpu["kernels"]); print ""
			line("shell, calls", wall["calls"], cpu["calls"]); print ""
			line("shell, ranges", wall["ranges"], cpu["ranges"]); print ""
			line("shell, the three scans", scans, busy); print ""
			against("summarize", "summarize", scans, busy, "1.5")
			against("summarize --table kernels", "kernels-only", wall["kernels"], cpu["kernels"], "3")
		}' "$figures"
done
