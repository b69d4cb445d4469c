package period

import (
	"cmp"
	"slices"
)

const (
	motifReach = 48 // kernels looked at on each side of a tooth
	motifSize  = 24 // tokens that vote
	motifShift = 8  // kernels by which votes for one tooth may differ
)

// A voter is a token that keeps its distance to the teeth of a comb.
type voter struct {
	tok    int32
	offset int
	seen   int
}

// teeth returns the teeth of c together with those at which the comb's own
// token is damaged but its surroundings are not.
func (x *index) teeth(c comb) []int {
	return x.elect(x.voters(c), span{0, len(x.names)})
}

// An election is a place and the votes for it.
type election struct{ at, votes int }

// elect returns the places within s for which at least half of the voters
// vote: those that lie from them as far as they do from a tooth.
func (x *index) elect(voters []voter, s span) []int {
	var out []int
	for _, e := range x.elections(voters, s) {
		if 2*e.votes >= len(voters) {
			out = append(out, e.at)
		}
	}
	return out
}

func (x *index) elections(voters []voter, s span) []election {
	var votes []int
	for _, v := range voters {
		at := x.byTok.of(v.tok)
		i, _ := slices.BinarySearch(at, int32(s.from))
		for ; i < len(at) && int(at[i]) < s.to; i++ {
			votes = append(votes, int(at[i])-v.offset)
		}
	}
	slices.Sort(votes)
	var out []election
	for i := 0; i < len(votes); {
		j := i + 1
		for j < len(votes) && votes[j]-votes[j-1] <= motifShift/2 && votes[j]-votes[i] <= 2*motifShift {
			j++
		}
		out = append(out, election{min(max(votes[(i+j)/2], 0), len(x.names)-1), j - i})
		i = j
	}
	return out
}

// voters finds the tokens around the teeth that recur with them. The comb's
// own token is always one.
func (x *index) voters(c comb) []voter {
	offsets := make(map[int32][]int)
	sampled := sample(len(c.teeth))
	for _, i := range sampled {
		at := int(c.teeth[i])
		for o := max(-motifReach, -at); o <= motifReach && at+o < len(x.tokens); o++ {
			t := x.tokens[at+o]
			if n := x.byTok.count(t); 2*n >= len(c.teeth) && 2*n <= 3*len(c.teeth)+2 {
				offsets[t] = append(offsets[t], o)
			}
		}
	}
	return keptVoters(offsets, len(sampled))
}

// keptVoters are the tokens seen in most samples at about the same offset.
func keptVoters(offsets map[int32][]int, samples int) []voter {
	var out []voter
	for t, o := range offsets {
		slices.Sort(o)
		mid := o[len(o)/2]
		near := 0
		for _, o := range o {
			if max(o-mid, mid-o) <= motifShift/2 {
				near++
			}
		}
		if 5*near >= 3*samples {
			out = append(out, voter{t, mid, near})
		}
	}
	slices.SortFunc(out, func(a, b voter) int {
		return cmp.Or(cmp.Compare(b.seen, a.seen), cmp.Compare(a.tok, b.tok))
	})
	return out[:min(len(out), motifSize)]
}
