package view_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"numwatch/internal/view"
	"numwatch/phone"
	"numwatch/store"
)

// Numbers are listed worst first, or by any column; those that are alike stay in place.
func TestOrderOfNumbers(t *testing.T) {
	w := newTestbed(t)
	named := func(n phone.Number, name, tier string) phone.Number {
		n.Set(phone.VerifiedName, name)
		n.Set(phone.MessagingLimitTier, tier)
		return n
	}
	w.commit(t, &store.Commit{SpaceStates: []phone.SpaceState{
		roster("1", named(number("100", "CONNECTED", "GREEN"), "echo", "TIER_10K"), named(number("101", "CONNECTED", "RED"), "Delta", "TIER_250")),
		roster("2", named(number("200", "BANNED", "GREEN"), "charlie", "TIER_UNLIMITED"), named(number("201", "CONNECTED", "YELLOW"), "Bravo", "NONE"), named(number("202", "CONNECTED", "GREEN"), "alpha", "TIER_10K")),
	}})
	describe := func(k phone.SpaceKey) phone.Space {
		return phone.Space{SpaceKey: k, Name: map[string]string{"1": "Zebra", "2": "aardvark"}[k.ID]}
	}
	find := func(q view.Query) (all []string) {
		t.Helper()
		if q.Limit == 0 {
			q.Limit = 10
		}
		found, err := w.view.Find(q, describe)
		require.NoError(t, err)
		require.Equal(t, 5, found.Total)
		for _, r := range found.Rows {
			all = append(all, r.Number.PhoneNumber)
		}
		return all
	}
	for _, c := range []struct {
		order view.Order
		want  []string
	}{
		{view.Order{}, []string{"100", "101", "200", "201", "202"}},
		{view.Order{By: view.ByWorst}, []string{"200", "101", "201", "100", "202"}},
		{view.Order{By: view.ByWorst, Reverse: true}, []string{"100", "202", "201", "101", "200"}},
		{view.Order{By: view.ByNumber, Reverse: true}, []string{"202", "201", "200", "101", "100"}},
		{view.Order{By: view.BySpace}, []string{"200", "201", "202", "100", "101"}},
		{view.Order{By: "VerifiedName"}, []string{"202", "201", "200", "101", "100"}},
		{view.Order{By: "QualityRating"}, []string{"101", "201", "100", "200", "202"}},
		{view.Order{By: "MessagingLimitTier"}, []string{"101", "100", "202", "200", "201"}},
	} {
		require.Equal(t, c.want, find(view.Query{Order: c.order}), "%+v", c.order)
	}
	require.Equal(t, []string{"101", "201"}, find(view.Query{Order: view.Order{By: view.ByWorst}, Offset: 1, Limit: 2}))
	require.Empty(t, find(view.Query{Order: view.Order{By: view.ByWorst}, Offset: 9}))

	var each []string
	require.NoError(t, w.view.Each(view.Query{Text: "zebra"}, describe, func(s *phone.Space, n *phone.Number) {
		each = append(each, s.Name+" "+n.PhoneNumber)
	}))
	require.Equal(t, []string{"Zebra 100", "Zebra 101"}, each)
}
