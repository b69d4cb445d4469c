package report

import "omnitrace/analyze"

// total returns the named total of the whole run, false where it is not known.
func total(s *analyze.Summary, name string) (int64, bool) {
	for i, c := range analyze.TotalColumns() {
		if c.Name == name {
			return cell(s.Totals, i).Int()
		}
	}
	return 0, false
}
