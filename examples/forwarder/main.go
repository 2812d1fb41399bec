// Command forwarder reads the vendor's push receipts (ChatAppAudit) from an MNS queue and
// sends them to numwatch, which polls their spaces at once.
//
// It is for queues without another reader, because reading deletes. An existing reader
// can forward a copy of each body with one POST, as forward does here.
//
// A message is deleted only after numwatch has accepted it; until then the queue
// redelivers it. No message is lost, and duplicates do no harm.
//
//	MNS_QUEUE_URL      https://1234567890.mns.ap-southeast-1.aliyuncs.com/queues/Alicom-Queue-…
//	MNS_KEY_ID, MNS_KEY_SECRET, MNS_TOKEN (only of temporary credentials)
//	NUMWATCH_RECEIPTS  http://127.0.0.1:8080/api/v1/receipts/chatapp-audit/KEY
package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

const mnsVersion = "2015-06-06"

// queue is an MNS queue and the credentials to read it.
type queue struct {
	url, keyID, secret, token string
}

// message is a message of a queue. Its handle deletes it.
type message struct {
	ReceiptHandle string
	MessageBody   string
}

// body is what the vendor sent; most clients write it in Base64.
func (m *message) body() []byte {
	if plain, err := base64.StdEncoding.DecodeString(m.MessageBody); err == nil && json.Valid(plain) {
		return plain
	}
	return []byte(m.MessageBody)
}

// receive waits up to 30 seconds for up to 16 messages.
func (q *queue) receive(ctx context.Context) ([]message, error) {
	body, status, err := q.call(ctx, http.MethodGet, url.Values{"numOfMessages": {"16"}, "waitseconds": {"30"}})
	if err != nil || status == http.StatusNotFound && bytes.Contains(body, []byte("MessageNotExist")) {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("the queue answered %d: %s", status, body)
	}
	var list struct {
		Message []message
	}
	if err := xml.Unmarshal(body, &list); err != nil {
		return nil, fmt.Errorf("reading the queue's answer: %w", err)
	}
	return list.Message, nil
}

// remove deletes a message. One that was redelivered meanwhile stays.
func (q *queue) remove(ctx context.Context, m *message) error {
	body, status, err := q.call(ctx, http.MethodDelete, url.Values{"ReceiptHandle": {m.ReceiptHandle}})
	if err == nil && status != http.StatusNoContent {
		err = fmt.Errorf("the queue answered %d: %s", status, body)
	}
	return err
}

// call sends a signed request to the queue's messages.
func (q *queue) call(ctx context.Context, method string, query url.Values) (body []byte, status int, err error) {
	request, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(q.url, "/")+"/messages?"+query.Encode(), nil)
	if err != nil {
		return nil, 0, errors.New("MNS_QUEUE_URL is not a URL")
	}
	request.Header.Set("Date", time.Now().UTC().Format(http.TimeFormat))
	request.Header.Set("x-mns-version", mnsVersion)
	if q.token != "" {
		request.Header.Set("security-token", q.token)
	}
	request.Header.Set("Authorization", "MNS "+q.keyID+":"+q.signature(request))
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, 0, err
	}
	defer answer.Body.Close()
	body, err = io.ReadAll(io.LimitReader(answer.Body, 4<<20))
	return body, answer.StatusCode, err
}

// signature signs a request as MNS requires: method, content's hash and type (there is no content),
// date, the x-mns headers, and the resource.
func (q *queue) signature(r *http.Request) string {
	text := r.Method + "\n\n\n" + r.Header.Get("Date") + "\nx-mns-version:" + mnsVersion + "\n" + r.URL.RequestURI()
	mac := hmac.New(sha1.New, []byte(q.secret))
	mac.Write([]byte(text))
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// forward sends a receipt to numwatch. It reports false for one that numwatch cannot
// read, so that it is not retried.
func forward(ctx context.Context, receipts string, body []byte) (taken bool, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, receipts, bytes.NewReader(body))
	if err != nil {
		return false, errors.New("NUMWATCH_RECEIPTS is not a URL")
	}
	request.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(request)
	if failed := new(url.Error); errors.As(err, &failed) {
		return false, failed.Err // without the URL, which holds the key
	}
	if err != nil {
		return false, err
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode == http.StatusOK:
		return true, nil
	case slices.Contains([]int{http.StatusBadRequest, http.StatusRequestEntityTooLarge}, answer.StatusCode):
		return false, nil
	}
	return false, fmt.Errorf("numwatch answered %s", answer.Status)
}

// run forwards until ctx ends.
func run(ctx context.Context, q *queue, receipts string) {
	for ctx.Err() == nil {
		if err := forwardSome(ctx, q, receipts); err != nil && ctx.Err() == nil {
			log.Printf("%v; trying again", err)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}
}

// forwardSome forwards the waiting messages.
func forwardSome(ctx context.Context, q *queue, receipts string) error {
	messages, err := q.receive(ctx)
	if err != nil {
		return err
	}
	for i := range messages {
		m := &messages[i]
		taken, err := forward(ctx, receipts, m.body())
		if err != nil {
			return err // the queue redelivers this one and the rest
		}
		if !taken {
			log.Printf("numwatch cannot read a message, which is deleted: %.200q", m.MessageBody)
		}
		if err := q.remove(ctx, m); err != nil {
			return err
		}
	}
	return nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	q := &queue{url: os.Getenv("MNS_QUEUE_URL"), keyID: os.Getenv("MNS_KEY_ID"), secret: os.Getenv("MNS_KEY_SECRET"), token: os.Getenv("MNS_TOKEN")}
	receipts := os.Getenv("NUMWATCH_RECEIPTS")
	if slices.Contains([]string{q.url, q.keyID, q.secret, receipts}, "") {
		log.Fatal("MNS_QUEUE_URL, MNS_KEY_ID, MNS_KEY_SECRET and NUMWATCH_RECEIPTS are needed")
	}
	run(ctx, q, receipts)
}
