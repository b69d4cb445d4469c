package session

import (
	"io/fs"
	"os"
)

// OS is the machine's own file system under the names that users type:
// absolute, relative, with "..", separated by slashes. [os.DirFS] has no names
// outside of its root.
type OS struct{}

// Open opens a file for reading.
func (OS) Open(name string) (fs.File, error) { return os.Open(name) }

// Stat follows links.
func (OS) Stat(name string) (fs.FileInfo, error) { return os.Stat(name) }

// ReadDir returns the entries of a directory, sorted by name.
func (OS) ReadDir(name string) ([]fs.DirEntry, error) { return os.ReadDir(name) }
