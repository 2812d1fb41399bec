package cli

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"numwatch/phone"
	"numwatch/web/api"
)

// crowd is a bot with many numbers, of which it gives a part as the real one does.
func crowd(n int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		offset, _ := strconv.Atoi(r.FormValue("offset"))
		limit, _ := strconv.Atoi(r.FormValue("limit"))
		list := api.NumberList{Total: n, Numbers: []api.NumberEntry{}}
		for i := offset; i < min(offset+limit, n); i++ {
			list.Numbers = append(list.Numbers, api.NumberEntry{Account: "main", Number: &phone.Number{PhoneNumber: fmt.Sprint(i)}})
		}
		_ = json.NewEncoder(w).Encode(list)
	}
}

// What is told below a table always leads on, to the last number of a large fleet.
func TestALongListIsReadPartByPart(t *testing.T) {
	for _, ask := range []struct{ args, says string }{
		{"", "50 of 2,345 numbers: --limit 1000 shows more"},
		{"--limit=1000", "1000 of 2,345 numbers: --offset 1000 shows the next"},
		{"--limit=1000 --offset=1000", "1001 to 2000 of 2,345 numbers: --offset 2000 shows the next"},
		{"--offset=50", "51 to 100 of 2,345 numbers: --offset 100 shows the next"},
		{"--offset=5000", "no more: there are 2,345 numbers"},
	} {
		code, said, _ := asked(t, crowd(2345), append([]string{"numbers"}, strings.Fields(ask.args)...)...)
		require.Equal(t, exitGood, code)
		require.Contains(t, said, ask.says+"\n", ask.args)
	}
	_, said, _ := asked(t, crowd(2345), "numbers", "--limit=1000", "--offset=2000")
	require.NotContains(t, said, "2,345 numbers")

	var seen int
	for offset := 0; offset == 0 || offset < 2345; offset += 1000 {
		_, said, _ := asked(t, crowd(2345), "numbers", "-o", "json", "--limit=1000", fmt.Sprintf("--offset=%d", offset))
		var list api.NumberList
		require.NoError(t, json.Unmarshal([]byte(said), &list))
		seen += len(list.Numbers)
	}
	require.Equal(t, 2345, seen)
}

// Retrying all dead letters means those beyond the longest page, too.
func TestAllDeadLettersAreRetried(t *testing.T) {
	const n = 2345
	retried := map[string]bool{}
	bot := func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			retried[r.URL.Path] = true
			_, _ = w.Write([]byte("{}"))
			return
		}
		offset, _ := strconv.Atoi(r.FormValue("offset"))
		limit, _ := strconv.Atoi(r.FormValue("limit"))
		list := api.DeadLetterList{Total: n, DeadLetters: []api.DeadLetter{}}
		for i := offset; i < min(offset+limit, n); i++ {
			list.DeadLetters = append(list.DeadLetters, api.DeadLetter{ID: fmt.Sprint("m-", i)})
		}
		_ = json.NewEncoder(w).Encode(list)
	}
	code, said, problems := askedFor(t, time.Minute, bot, "deadletters", "retry", "--all")
	require.Equal(t, exitGood, code, problems)
	require.Equal(t, "2,345 dead letters being posted again\n", said)
	require.Len(t, retried, n)
}
