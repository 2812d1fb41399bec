// Package alerttest makes alerts for tests: those of a rule on QualityRating on
// the numbers of one space. It imports the vocabulary only.
package alerttest

import (
	"fmt"
	"time"

	"numwatch/alert"
	"numwatch/phone"
)

// Noon is when the alerts open.
var Noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// Number is one whose quality is RED.
func Number(i int) phone.Number {
	n := phone.Number{PhoneNumber: fmt.Sprintf("86138%08d", i)}
	n.Set(phone.VerifiedName, fmt.Sprintf("Shop %d", i))
	n.Set(phone.Status, "CONNECTED")
	n.Set(phone.QualityRating, "RED")
	n.Set(phone.UpCallbackUrl, "https://hooks.example.com/wa?token=secret")
	return n
}

// Change is the fall of a number's quality from YELLOW to RED.
func Change(i int) phone.Change {
	n := Number(i)
	return phone.Change{
		Subject: phone.Subject{Account: "main", Space: "29348", PhoneNumber: n.PhoneNumber},
		Field:   phone.QualityRating, Old: "YELLOW", New: "RED", Direction: phone.Worse,
		SeenAfter: Noon.Add(-3 * time.Minute), SeenAt: Noon, RequestId: "R-1", Number: &n,
	}
}

// Firing is the alert on that change, for the channel ops.
func Firing(i int) alert.Alert {
	c := Change(i)
	k := alert.Key{Rule: "quality-red", Subject: c.Subject, Field: c.Field}
	a := alert.Alert{
		ID: alert.ID(k, Noon), Rule: k.Rule, Severity: alert.Critical, Subject: c.Subject, Field: c.Field, State: alert.Firing,
		Change: c, Before: "YELLOW", Transition: alert.Opened, Revision: 1, Notified: 1, Since: Noon, Changed: Noon, Openings: 1,
		Summary: alert.Text{"Quality of ", c.Subject.PhoneNumber, " (", c.Number.Get(phone.VerifiedName), ") fell from ", "YELLOW", " to ", "RED"},
		Action:  alert.Text{"Pause marketing and find the blocked or reported templates."}, Runbook: "https://wiki.example.com/wa/quality",
		Channels: []string{"ops"},
	}
	a.Incident = a.NewIncident()
	return a
}

// Resolved is the alert after its value recovered.
func Resolved(a alert.Alert, at time.Time) alert.Alert {
	a.State, a.Transition = alert.Resolved, alert.WasResolved
	a.Revision++
	a.Notified = a.Revision
	a.Changed = at
	a.Change.Old, a.Change.New, a.Change.Direction = a.Change.New, "GREEN", phone.Better
	a.Change.SeenAt = at
	a.Closing = "recovered: now GREEN"
	return a
}

// Worsened is the alert closed because its value moved on to something worse.
func Worsened(a alert.Alert) alert.Alert {
	a = Resolved(a, Noon.Add(time.Hour))
	a.Change.New, a.Change.Direction, a.Closing = "BLACK", phone.Worse, "now BLACK"
	return a
}

// Space describes every space alike.
func Space(k phone.SpaceKey) phone.Space {
	return phone.Space{SpaceKey: k, Name: "Acme", Labels: map[string]string{"tier": "gold"}}
}

// Shown is the alert in a message that shows it as it is, and told people so.
func Shown(a alert.Alert) alert.ShownAlert {
	open := a.State == alert.Firing
	return alert.ShownAlert{
		Alert: a.ID, Incident: a.Incident, Revision: a.Revision, NotifiedRevision: a.Revision, NotifiedOpen: open, IncidentOpen: open, NotifiedValue: a.Change.New,
	}
}
