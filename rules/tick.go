package rules

// tick opens the pending alerts whose condition has held for long enough.
func (b *batch) tick() {
	for _, a := range b.st.pending {
		w := b.set.watch(a.Rule, a.Field)
		if w != nil && b.now.Sub(a.Since) >= w.delay {
			b.fire(*a)
		}
	}
}
