package nsys

import (
	"fmt"
	"strconv"
	"strings"

	"zombiezen.com/go/sqlite"
)

// about is what an export's small tables say of the machine and the capture.
// What a table does not hold, or holds in another form, stays empty.
type about struct {
	meta      map[string]string // META_DATA_EXPORT
	processes map[int64]string  // names by globalPid
	threads   map[int64]string  // names by globalTid
	streams   map[streamKey]string
	gpus      []*gpu
	byProcess map[[2]int64]*gpu  // by process ID and the process's device number
	contexts  map[[2]int64]int64 // device numbers by process ID and context

	utc      int64 // Unix time of time 0, null where unknown
	duration int64 // of the capture, null where unknown
	problem  error // the first table that could not be read
}

// A gpu is a row of TARGET_INFO_GPU.
type gpu struct {
	id, ordinal     int64 // nsys's number for it; CUDA's, as far as nsys knows
	name, uuid, bus string
	memory          int64
}

func readAbout(d *database, s *stringTable) *about {
	a := &about{
		meta: map[string]string{}, processes: map[int64]string{}, threads: map[int64]string{},
		streams: map[streamKey]string{}, byProcess: map[[2]int64]*gpu{},
		contexts: map[[2]int64]int64{}, utc: null, duration: null,
	}
	for _, name := range exportTables {
		a.rows(d, name, "name, value", func(row *sqlite.Stmt) { a.meta[row.ColumnText(0)] = row.ColumnText(1) })
	}
	a.rows(d, "TARGET_INFO_SESSION_START_TIME", "utcEpochNs", func(row *sqlite.Stmt) { a.utc = row.ColumnInt64(0) })
	a.rows(d, "ANALYSIS_DETAILS", "duration", func(row *sqlite.Stmt) { a.duration = row.ColumnInt64(0) })
	a.readNames(d, s)
	a.readGPUs(d)
	a.readContexts(d)
	return a
}

// rows reads some columns of a small table, if the export has them. NULLs
// read as 0 and "".
func (a *about) rows(d *database, table, columns string, row func(*sqlite.Stmt)) {
	for column := range strings.SplitSeq(columns, ", ") {
		if _, ok := d.columns[table][column]; !ok {
			return
		}
	}
	if err := d.query("SELECT "+columns+" FROM "+table, row); err != nil && a.problem == nil {
		a.problem = fmt.Errorf("reading %s of %s: %w", table, d.path, err)
	}
}

func (a *about) readNames(d *database, s *stringTable) {
	a.rows(d, "PROCESSES", "globalPid, name", func(row *sqlite.Stmt) {
		a.processes[processOf(row.ColumnInt64(0))] = strings.ToValidUTF8(row.ColumnText(1), "\uFFFD")
	})
	// A thread that was renamed has several rows; the last name counts.
	a.rows(d, "ThreadNames", "globalTid, nameId", func(row *sqlite.Stmt) {
		if name, ok := s.find(row.ColumnInt64(1)); ok {
			a.threads[row.ColumnInt64(0)] = strings.ToValidUTF8(string(name), "\uFFFD")
		}
	})
	a.rows(d, "TARGET_INFO_NVTX_CUDA_STREAM", "processId, deviceId, contextId, streamId, name", func(row *sqlite.Stmt) {
		k := streamKey{row.ColumnInt64(0), row.ColumnInt64(1), row.ColumnInt64(2), row.ColumnInt64(3)}
		a.streams[k] = strings.ToValidUTF8(row.ColumnText(4), "\uFFFD")
	})
}

func (a *about) readGPUs(d *database) {
	a.rows(d, "TARGET_INFO_GPU", "id, cuDevice, name, uuid, busLocation, totalMemory", func(row *sqlite.Stmt) {
		g := &gpu{
			id: row.ColumnInt64(0), ordinal: row.ColumnInt64(1), name: row.ColumnText(2),
			uuid: uuid(row.ColumnText(3)), bus: row.ColumnText(4), memory: row.ColumnInt64(5),
		}
		if g.uuid != "" { // adapters that CUDA can't use have none
			a.gpus = append(a.gpus, g)
		}
	})
	a.rows(d, "TARGET_INFO_CUDA_DEVICE", "pid, cudaId, gpuId", func(row *sqlite.Stmt) {
		for _, g := range a.gpus {
			if g.id == row.ColumnInt64(2) {
				a.byProcess[[2]int64{row.ColumnInt64(0), row.ColumnInt64(1)}] = g
			}
		}
	})
}

// readContexts learns which device each context is on.
func (a *about) readContexts(d *database) {
	for _, table := range []string{"TARGET_INFO_CUDA_NULL_STREAM", "TARGET_INFO_CUDA_CONTEXT_INFO"} {
		a.rows(d, table, "processId, contextId, deviceId", func(row *sqlite.Stmt) {
			a.contexts[[2]int64{row.ColumnInt64(0), row.ColumnInt64(1)}] = row.ColumnInt64(2)
		})
	}
}

// severalContexts reports whether a process is known to have more than one
// context on a device.
func (a *about) severalContexts(pid, device int64) bool {
	n := 0
	for key, d := range a.contexts {
		if key[0] == pid && d == device {
			n++
		}
	}
	return n > 1
}

// uuid spells a UUID as nvidia-smi and CUDA_VISIBLE_DEVICES do.
func uuid(s string) string {
	if strings.Trim(s, "0-") == "" {
		return ""
	}
	return "GPU-" + strings.ToLower(s)
}

// gpu returns the GPU that a process means by a device number, nil where none
// fits. Exports before 2025 have only the numbers that CUDA gives without
// CUDA_VISIBLE_DEVICES: with several GPUs the model fits, the card may not be
// the same, and sure is false.
func (a *about) gpu(pid, device int64) (g *gpu, sure bool) {
	if g := a.byProcess[[2]int64{pid, device}]; g != nil {
		return g, true
	}
	if len(a.gpus) == 1 {
		return a.gpus[0], true
	}
	for _, g := range a.gpus {
		if g.ordinal == device {
			return g, false
		}
	}
	return nil, false
}

// processName returns the name of a process: nsys's, or that of its main
// thread where the export lists no processes.
func (a *about) processName(process int64) string {
	if name, ok := a.processes[process]; ok {
		return name
	}
	return a.threads[process|pidOf(process)&threadMask]
}

// number returns a numeric value of META_DATA_EXPORT, 0 where there is none.
func (a *about) number(name string) int64 {
	n, err := strconv.ParseInt(a.meta[name], 10, 64)
	if err != nil {
		return 0
	}
	return n
}
