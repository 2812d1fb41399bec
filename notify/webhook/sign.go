package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Secret is a key that signs requests.
type Secret []byte

const secretPrefix = "whsec_"

// The lengths of a key that Standard Webhooks allows, in bytes.
const (
	minSecret = 24
	maxSecret = 64
)

// ParseSecret reads a secret as Standard Webhooks writes it: whsec_ and the key in base64.
// No error shows the text.
func ParseSecret(text string) (Secret, error) {
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	if !ok {
		return nil, errors.New("must begin with whsec_ and continue in base64, e.g. that of: echo whsec_$(openssl rand -base64 32)")
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return nil, errors.New("is not base64 after whsec_")
	}
	if len(key) < minSecret || len(key) > maxSecret {
		return nil, fmt.Errorf("holds a key of %d bytes; %d to %d are allowed", len(key), minSecret, maxSecret)
	}
	return key, nil
}

// sign sets the headers by which a receiver knows who sent a body, and when. With two
// secrets, either proves it: so they can be changed without a gap.
func sign(h http.Header, secrets []Secret, id string, at time.Time, body []byte) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	h.Set("webhook-id", id)
	h.Set("webhook-timestamp", timestamp)
	var signatures []string
	for _, key := range secrets {
		mac := hmac.New(sha256.New, key)
		fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body) // a hash takes everything
		signatures = append(signatures, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	if len(signatures) > 0 {
		h.Set("webhook-signature", strings.Join(signatures, " "))
	}
}
