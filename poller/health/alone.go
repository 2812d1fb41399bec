package health

import "numwatch/phone"

// onItsOwn reports whether a denial of the account is that of its space alone, as
// far as is known: another space was let in just before. The next answer to
// another space settles it.
func (a *Account) onItsOwn(p Poll) bool {
	switch p.Verdict {
	case Succeeded, SpaceDenied, Unusable:
		a.letIn = p.Space
		if a.suspect != nil && a.suspect.Space != p.Space {
			a.deniedAlone()
		}
	case AccountDenied:
		if a.letIn == "" || a.letIn == p.Space || a.suspect != nil && a.suspect.Space != p.Space {
			return false
		}
		a.suspect = &p
		if s := a.spaces[p.Space]; s != nil && s.value == phone.Denied {
			a.deniedAlone()
		}
		return true
	}
	return false
}

// DeniedAlone reports whether a denial of the account is held against one space,
// for the time being or, if it is DENIED, for good.
func (a *Account) DeniedAlone(id string) (alone, denied bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.suspect != nil && a.suspect.Space == id {
		return true, false
	}
	s := a.spaces[id]
	denied = s != nil && s.value == phone.Denied
	return denied, denied
}

// deniedAlone notes that the suspect was denied while others were let in.
func (a *Account) deniedAlone() {
	p := *a.suspect
	a.suspect = nil
	if s := a.spaces[p.Space]; s != nil && s.member {
		p.Verdict = SpaceDenied
		a.spaceFailed(s, p, true)
	}
}
