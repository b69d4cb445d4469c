package main

import (
	"fmt"

	"zombiezen.com/go/sqlite"
)

// Times are nanoseconds since the capture began.
const (
	launchGap  = 4_000 // from one launch call to the next
	kernelTime = 3_500
	copyEvery  = 20 // kernels for each copy
)

// pids of the two server processes, and nsys's packed IDs for them: hardware
// in bits 56…63, VM in 48…55, process in 24…47, thread in 0…23.
var pids = [2]int64{4242, 4343}

func globalPID(pid int64) int64 { return 1<<48 | pid<<24 }
func globalTID(pid int64) int64 { return globalPID(pid) | pid }

// IDs of strings: kernels from 1, their short names, API names, range names.
const (
	kernelNames = 240
	rangeNames  = 400
	firstShort  = 1 + kernelNames
	firstAPI    = firstShort + kernelNames
	firstRange  = firstAPI + 100
)

var apiNames = []string{"cudaLaunchKernel_v7000", "cuLaunchKernelEx", "cudaMemcpyAsync_v3020", "cudaStreamIsCapturing_v10000", "cudaEventRecord_v3020", "cudaStreamSynchronize_v3020"}

const (
	apiRuntime, apiDriver, apiCopy, apiOther = 0, 1, 2, 3
)

type generator struct {
	conn                   *sqlite.Conn
	kernels, calls, ranges int
}

func (g *generator) strings() error {
	add := g.conn.Prep("INSERT INTO StringIds VALUES (?,?)")
	put := func(id int64, text string) error { return insert(add, id, text) }
	for i := range int64(kernelNames) {
		long := fmt.Sprintf("void at::native::vectorized_elementwise_kernel<(int)4, at::native::Functor%03d<c10::BFloat16>, std::array<char *, (unsigned long)%d>>(int, T2, T3)", i, i%7)
		if err := put(1+i, long); err != nil {
			return err
		}
		if err := put(firstShort+i, "vectorized_elementwise_kernel"); err != nil {
			return err
		}
	}
	for i, name := range apiNames {
		if err := put(firstAPI+int64(i), name); err != nil {
			return err
		}
	}
	for i := range int64(rangeNames) {
		if err := put(firstRange+i, fmt.Sprintf("ncclAllReduce %d", i)); err != nil {
			return err
		}
	}
	return nil
}

// work writes the launches, and the kernels and copies that they ask for, in
// order of time, as nsys does.
func (g *generator) work() error {
	kernel := g.conn.Prep("INSERT INTO CUPTI_ACTIVITY_KIND_KERNEL VALUES (?,?,0,1,NULL,?,?,?,?,?,?,1,1,32,?,1,1,256,1,1,0,0,0,0,?,32768,NULL,0)")
	copies := g.conn.Prep("INSERT INTO CUPTI_ACTIVITY_KIND_MEMCPY VALUES (?,?,0,1,NULL,?,?,?,?,?,NULL,?,2,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1)")
	call := g.conn.Prep("INSERT INTO CUPTI_ACTIVITY_KIND_RUNTIME VALUES (?,?,?,?,?,?,0,NULL)")
	extra := spread{total: g.calls - 2*g.kernels, over: g.kernels}
	for i := range int64(g.kernels) {
		pid, correlation, at := pids[i%2], i/2+1, i*launchGap
		tid, stream := globalTID(pid), 7+(i/2)%3*6
		start := at + 9_000 + i%11*100
		err := insert(call, at, at+3_000, int64(0), tid, correlation, int64(firstAPI+apiRuntime))
		err = then(err, call, at+400, at+2_600, int64(1), tid, correlation, int64(firstAPI+apiDriver))
		err = then(err, kernel, start, start+kernelTime+i%13*10, stream, correlation, globalPID(pid), 1+i%kernelNames, firstShort+i%kernelNames, 1+i%kernelNames, 1+i%64, i+1)
		if i%copyEvery == 0 {
			err = then(err, copies, start+500, start+1_500, stream, correlation+int64(g.kernels), globalPID(pid), 4096*(1+i%5), 1+i%2*7, i%3)
		}
		for j := range int64(extra.next()) {
			err = then(err, call, at+3_100+j*200, at+3_200+j*200, int64(0), tid, correlation+int64(g.kernels), int64(firstAPI+apiCopy)+(i+j)%int64(len(apiNames)-apiCopy))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// nvtx writes nested ranges: of four, two carry their text, one of them with
// a number that never comes again, and two a string ID.
func (g *generator) nvtx() error {
	add := g.conn.Prep("INSERT INTO NVTX_EVENTS VALUES (?,?,?,NULL,NULL,NULL,?,?,NULL,?,?,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL)")
	for _, pid := range pids {
		if err := insert(add, int64(-1000), nil, int64(75), "NCCL", globalTID(pid), nil, int64(1)); err != nil {
			return err
		}
	}
	step := int64(launchGap) * int64(max(g.kernels, 1)) / int64(max(g.ranges, 1))
	for i := range int64(g.ranges) {
		start := i * step
		var text, textID any
		domain := int64(0)
		switch i % 4 {
		case 0:
			text = fmt.Sprintf("execute_context_0(0)_generation_%d(%d)", i%9, i%9)
		case 1:
			text = fmt.Sprintf("aten::linear, op_id = %d", i)
		default:
			textID, domain = firstRange+i%rangeNames, 1
		}
		if err := insert(add, start, start+step*(1+i%4), int64(59), text, globalTID(pids[i/4%2]), textID, domain); err != nil {
			return err
		}
	}
	return nil
}

// spread deals total things out over a number of turns as evenly as it goes.
type spread struct{ total, over, turn int }

func (s *spread) next() int {
	s.turn++
	return s.total*s.turn/s.over - s.total*(s.turn-1)/s.over
}

func then(err error, stmt *sqlite.Stmt, values ...any) error {
	if err != nil {
		return err
	}
	return insert(stmt, values...)
}

func insert(stmt *sqlite.Stmt, values ...any) error {
	for i, v := range values {
		switch v := v.(type) {
		case int64:
			stmt.BindInt64(i+1, v)
		case string:
			stmt.BindText(i+1, v)
		default:
			stmt.BindNull(i + 1)
		}
	}
	if _, err := stmt.Step(); err != nil {
		return err
	}
	return stmt.Reset()
}
