package trace

// Names interns strings. The zero value is ready for use and holds "" as
// NameID 0. It is not safe for concurrent use.
type Names struct {
	ids   map[string]NameID
	texts []string
}

// Intern returns the ID of s, giving it one if it has none.
func (n *Names) Intern(s string) NameID {
	if n.ids == nil {
		n.ids = map[string]NameID{"": 0}
		n.texts = []string{""}
	}
	if id, ok := n.ids[s]; ok {
		return id
	}
	id := NameID(len(n.texts))
	n.ids[s] = id
	n.texts = append(n.texts, s)
	return id
}

// Lookup returns the ID of s and whether it has one.
func (n *Names) Lookup(s string) (NameID, bool) {
	id, ok := n.ids[s]
	return id, ok || s == ""
}

// Text returns the string that id stands for.
func (n *Names) Text(id NameID) string {
	if int(id) >= len(n.texts) {
		return ""
	}
	return n.texts[id]
}

// Len returns the number of IDs given, "" included.
func (n *Names) Len() int { return max(len(n.texts), 1) }
