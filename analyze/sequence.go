package analyze

import (
	"encoding/binary"
	"hash/maphash"
	"slices"
	"sync"

	"omnitrace/analyze/period"
)

// sequences remembers the loops of kernel sequences, so that equal ones are
// searched once: a server that answers the same request again launches the same
// kernels, and that is what a trace of a server mostly holds. The zero value is
// ready; it is safe for concurrent use.
type sequences struct {
	mutex sync.Mutex
	known map[uint64][]*searched // by hash
}

// A searched sequence has its result once find is done.
type searched struct {
	period.Sequence
	find   sync.Once
	result period.Result
}

var sequenceSeed = maphash.MakeSeed()

// find returns what [period.Find] says, which the caller only reads.
func (s *sequences) find(seq period.Sequence) period.Result {
	one := s.of(seq)
	one.find.Do(func() { one.result = period.Find(seq) })
	return one.result
}

// of returns the place of a sequence: that of an equal one where there is one.
func (s *sequences) of(seq period.Sequence) *searched {
	h := hashNames(seq.Names)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, one := range s.known[h] {
		if one.Diffusion == seq.Diffusion && slices.Equal(one.Names, seq.Names) {
			return one
		}
	}
	if s.known == nil {
		s.known = map[uint64][]*searched{}
	}
	one := &searched{Sequence: seq}
	s.known[h] = append(s.known[h], one)
	return one
}

func hashNames(names []uint32) uint64 {
	text := make([]byte, 0, 4*len(names))
	for _, n := range names {
		text = binary.LittleEndian.AppendUint32(text, n)
	}
	return maphash.Bytes(sequenceSeed, text)
}
