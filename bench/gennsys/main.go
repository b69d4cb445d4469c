// Command gennsys writes an SQLite file with the tables and columns of an
// Nsight Systems 2025.3 export, of any size: what benchmarks of the nsys
// reader run on, because captures of that size are too large to keep.
//
// Two server processes share one GPU. Each launches kernels on three streams
// through a runtime and a driver call with one correlation ID, under nested
// NVTX ranges, with a copy now and then. The file depends on the flags alone.
//
//	gennsys -o big.sqlite                       # 5 M kernels, 11 M calls, 1 M ranges
//	gennsys -o small.sqlite -kernels 500000 -calls 1100000 -ranges 100000
//
// compare.sh beside this file times the reader against the sqlite3 shell.
package main

import (
	"flag"
	"fmt"
	"os"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

func main() {
	var g generator
	out := flag.String("o", "nsys-bench.sqlite", "`file` to write; an existing one is replaced")
	flag.IntVar(&g.kernels, "kernels", 5_000_000, "number of kernels")
	flag.IntVar(&g.calls, "calls", 11_000_000, "number of CUDA API calls, at least two for each kernel")
	flag.IntVar(&g.ranges, "ranges", 1_000_000, "number of NVTX ranges")
	flag.Parse()
	if err := run(*out, &g); err != nil {
		fmt.Fprintln(os.Stderr, "gennsys:", err)
		os.Exit(1)
	}
}

func run(path string, g *generator) error {
	if g.kernels < 0 || g.ranges < 0 || g.calls < 2*g.kernels {
		return fmt.Errorf("-kernels %d, -calls %d, -ranges %d: counts are not negative, and calls at least twice the kernels", g.kernels, g.calls, g.ranges)
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return err
	}
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate)
	if err != nil {
		return err
	}
	g.conn = conn
	err = g.generate()
	if cerr := conn.Close(); err == nil {
		err = cerr
	}
	return err
}

func (g *generator) generate() error {
	// A half-written file is generated again: nothing here needs a journal.
	if err := sqlitex.ExecuteTransient(g.conn, "PRAGMA journal_mode=OFF", nil); err != nil {
		return err
	}
	if err := sqlitex.ExecuteTransient(g.conn, "PRAGMA synchronous=OFF", nil); err != nil {
		return err
	}
	if err := sqlitex.ExecuteScript(g.conn, schema, nil); err != nil {
		return err
	}
	if err := sqlitex.ExecuteTransient(g.conn, "BEGIN", nil); err != nil {
		return err
	}
	for _, fill := range []func() error{g.strings, g.work, g.nvtx} {
		if err := fill(); err != nil {
			return err
		}
	}
	return sqlitex.ExecuteTransient(g.conn, "COMMIT", nil)
}
