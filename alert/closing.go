package alert

// Why alerts ended, for people: Closing begins with one of these, or says what the value
// is now.
const (
	ClosedMissing     = "the number is missing from its space"
	ClosedMoved       = "the number moved to another space"
	ClosedMigrated    = "the number was migrated"
	ClosedDeleted     = "the number was deleted"
	ClosedSpaceLeft   = "the space is no longer watched"
	ClosedAccountLeft = "the account is no longer watched"
	ClosedOnce        = "the rule now has once and keeps no alert open"
	ClosedField       = "the rule no longer watches "
	ClosedRule        = "rule removed"
	ClosedDrill       = "a drill: nothing has happened"
)

// What people must hear when nothing can be stored; the cause follows.
const (
	StoreFails  = "numwatch cannot write its store and has paused polling"
	NotWatching = "numwatch is not watching"
)

// Announcements lists them.
func Announcements() []string { return []string{StoreFails, NotWatching} }

// Closings lists them.
func Closings() []string {
	return []string{
		ClosedMissing, ClosedMoved, ClosedMigrated, ClosedDeleted, ClosedSpaceLeft, ClosedAccountLeft, ClosedOnce, ClosedField, ClosedRule, ClosedDrill,
	}
}
