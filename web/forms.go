package web

import (
	"net/http"
	"net/url"
)

func escape(segment string) string { return url.PathEscape(segment) }

// What a form has brought about, by the word that is in the address afterwards.
var outcomes = map[string]string{
	"reloaded": "The rules were read again and are in force.",
	"refused":  "The rules were refused: the last good ones go on. What is wrong stands below.",
	"retried":  "The parked channels are being tried again.",
	"posted":   "The alerts of the dead letter are being posted again.",
	"gone":     "This dead letter is not there any more.",
	"named":    "Your name is kept in this browser.",
	"acked":    "Acknowledged: reminders and escalation stop until it gets worse.",
	"unacked":  "The acknowledgement is taken back.",
	"silenced": "Silenced: what still fires when the silence ends is shown then.",
	"ended":    "The silence is over: what it held back and still fires is shown now.",
	"over":     "That is over already: nothing was changed.",
	"undone":   "That cannot be done: say who you are, and see whether it is still open.",
	"failed":   "That did not work; the log says why. Try again once numwatch is ready.",
}

// back leads the browser to a page, so that reading it again repeats nothing.
func back(w http.ResponseWriter, r *http.Request, to, done string) {
	// Relative, unlike what http.Redirect makes of it: see root.
	w.Header().Set("Location", root(r)+to+"?done="+done)
	w.WriteHeader(http.StatusSeeOther)
}

func (s *site) reloadForm(w http.ResponseWriter, r *http.Request) {
	done := "reloaded"
	if s.Reload(r.Context()) != nil { // the page shows it, and it has been logged
		done = "refused"
	}
	back(w, r, "rules", done)
}

func (s *site) retryForm(w http.ResponseWriter, r *http.Request) {
	s.Delivery.RetryParked()
	back(w, r, "delivery", "retried")
}

func (s *site) retryDeadForm(w http.ResponseWriter, r *http.Request) {
	switch code, problem := s.retryDead(r); {
	case problem == "":
		back(w, r, "delivery", "posted")
	case code == http.StatusNotFound:
		back(w, r, "delivery", "gone")
	default:
		back(w, r, "delivery", "failed")
	}
}
