package examples_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// mns is a queue that checks signatures and shows a message again until it is deleted.
type mns struct {
	mu       sync.Mutex
	messages map[string]string // by handle
	refused  []string
}

func (q *mns) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	mac := hmac.New(sha1.New, []byte("secret"))
	fmt.Fprintf(mac, "%s\n\n\n%s\nx-mns-version:2015-06-06\n%s", r.Method, r.Header.Get("Date"), r.URL.RequestURI())
	signed := "MNS key:" + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case r.URL.Path != "/queues/audit/messages" || r.Header.Get("Authorization") != signed:
		q.refused = append(q.refused, r.Header.Get("Authorization"))
		http.Error(w, "<Error><Code>SignatureDoesNotMatch</Code></Error>", http.StatusForbidden)
	case r.Method == http.MethodDelete:
		delete(q.messages, r.URL.Query().Get("ReceiptHandle"))
		w.WriteHeader(http.StatusNoContent)
	case len(q.messages) == 0:
		time.Sleep(10 * time.Millisecond)
		http.Error(w, "<Error><Code>MessageNotExist</Code></Error>", http.StatusNotFound)
	default:
		type message struct{ ReceiptHandle, MessageBody string }
		var list struct {
			XMLName xml.Name `xml:"Messages"`
			Message []message
		}
		for handle, body := range q.messages {
			list.Message = append(list.Message, message{handle, body})
		}
		_ = xml.NewEncoder(w).Encode(list)
	}
}

func (q *mns) put(handle, body string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.messages[handle] = body
}

func (q *mns) left() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.messages)
}

// Every message of the queue reaches numwatch, which is down at first, before it is
// deleted; one that numwatch cannot read blocks no other.
func TestForwarderLosesNothing(t *testing.T) {
	q := &mns{messages: map[string]string{}}
	queue := httptest.NewServer(q)
	t.Cleanup(queue.Close)
	var mu sync.Mutex
	var taken []string
	down := 2
	numwatch := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case err != nil || r.URL.Path != "/api/v1/receipts/chatapp-audit/thekey":
			http.Error(w, "not found", http.StatusNotFound)
		case down > 0:
			down--
			http.Error(w, "not ready", http.StatusServiceUnavailable)
		case !strings.HasPrefix(string(body), "{"):
			http.Error(w, "not a receipt", http.StatusBadRequest)
		default:
			taken = append(taken, string(body))
		}
	}))
	t.Cleanup(numwatch.Close)
	const first, second = `{"Type":"phoneQualityUpdate","PhoneNumber":"8613800001111"}`, `{"Type":"wabaAccountUpdate","PhoneNumber":"8613800002222"}`
	q.put("1", first)
	q.put("2", base64.StdEncoding.EncodeToString([]byte(second)))
	q.put("3", "nonsense")
	start(t, []string{
		"MNS_QUEUE_URL=" + queue.URL + "/queues/audit", "MNS_KEY_ID=key", "MNS_KEY_SECRET=secret",
		"NUMWATCH_RECEIPTS=" + numwatch.URL + "/api/v1/receipts/chatapp-audit/thekey",
	}, build(t, "forwarder"))
	require.Eventually(t, func() bool { return q.left() == 0 }, soon, 5*time.Millisecond)
	mu.Lock()
	defer mu.Unlock()
	slices.Sort(taken)
	require.Equal(t, []string{first, second}, taken)
	require.Empty(t, q.refused)
}
