package cams

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// answer renders the response to a request, from the state as it is now.
func (s *Server) answer(r *request, v verdict) answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.render(r, v)
	v.fault.spoilAnswer(&a)
	s.tallyOf(v.account).answered(a)
	return a
}

func (s *Server) render(r *request, v verdict) answer {
	if v.fault.Kind == DropBefore {
		return answer{}
	}
	refused := v.refused
	if refused == nil {
		refused = v.fault.refusal()
	}
	var doc map[string]any
	if refused == nil {
		doc, refused = v.account.perform(r)
	}
	if refused != nil {
		s.tallyOf(v.account).refuse(refused)
		return refused.answer(v.requestID)
	}
	doc["RequestId"] = v.requestID
	v.fault.spoilDocument(doc)
	code, _ := doc["Code"].(string)
	return jsonAnswer(http.StatusOK, code, v.requestID, doc)
}

func (acc *tenant) perform(r *request) (map[string]any, *refusal) {
	if r.action == ListInstance {
		return acc.listInstance(r)
	}
	if r.space == "" {
		return nil, refuse("MissingCustSpaceId")
	}
	sp, ok := acc.spaces[r.space]
	if !ok {
		return nil, refuse("Unknown.ResourceOwnerId")
	}
	if r.action == HealthStatus {
		return sp.health(r)
	}
	list := make([]any, 0, len(sp.Numbers))
	for _, n := range sp.Numbers {
		list = append(list, n.render())
	}
	return success(map[string]any{"PhoneNumbers": list}), nil
}

func success(doc map[string]any) map[string]any {
	doc["AccessDeniedDetail"], doc["Message"] = "None", "None"
	doc["Code"], doc["Success"] = "OK", true
	return doc
}

// health says why a number cannot send: because it is not connected.
func (sp *Space) health(r *request) (map[string]any, *refusal) {
	if r.query.Get("NodeType") != "phone" {
		return nil, refuse("InvalidParameter")
	}
	i := sp.find(r.query.Get("PhoneNumber"))
	if i < 0 {
		return nil, refuse("InvalidParameter")
	}
	entity := func(kind, can string, errors ...any) map[string]any {
		return map[string]any{"EntityType": kind, "CanSendMessage": can, "Errors": append([]any{}, errors...)}
	}
	can, number := "AVAILABLE", entity("PHONE_NUMBER", "AVAILABLE")
	if status := sp.Numbers[i]["Status"]; status != "CONNECTED" {
		can, number = "BLOCKED", entity("PHONE_NUMBER", "BLOCKED", map[string]any{
			"ErrorCode": "141006", "ErrorDescription": "The phone number is " + strings.ToLower(status) + " for breaking a policy.",
			"PossibleSolution": "Request a review in Business Support Home.",
		})
	} else if sp.Numbers[i]["QualityRating"] == "RED" {
		can, number = "LIMITED", entity("PHONE_NUMBER", "LIMITED", map[string]any{
			"ErrorCode": "141012", "ErrorDescription": "Too many people blocked or reported messages of this number.",
			"PossibleSolution": "Send fewer marketing messages.",
		})
	}
	return success(map[string]any{"Data": map[string]any{
		"CanSendMessage": can, "Entities": []any{entity("BUSINESS", "AVAILABLE"), entity("WABA", "AVAILABLE"), number},
	}}), nil
}

func (n Number) render() map[string]any {
	out := make(map[string]any, len(n))
	if c := n.callingConfigure(); c != nil {
		out["CallingConfigure"] = c
	}
	for k, v := range n {
		if slices.Contains(ofCalling, k) {
			continue
		}
		out[k] = rendered(v)
	}
	return out
}

// rendered is a field's value as JSON.
func rendered(v string) any {
	if raw, ok := strings.CutPrefix(v, "\x00"); ok {
		return json.RawMessage(raw)
	}
	return v
}

// maxPage is the largest page; a client that asks for more gets this.
const maxPage = 100

func (acc *tenant) listInstance(r *request) (map[string]any, *refusal) {
	page, ok1 := positive(r.query.Get("PageIndex"), 1)
	size, ok2 := positive(r.query.Get("PageSize"), 10)
	if !ok1 || !ok2 {
		return nil, refuse("InvalidParameter")
	}
	size = min(size, maxPage)
	all := acc.order
	if channel := r.query.Get("ChannelType"); channel != "" && !strings.EqualFold(channel, "whatsapp") {
		all = nil
	}
	from := min((page-1)*size, len(all))
	data := []any{}
	for _, id := range all[from:min(from+size, len(all))] {
		data = append(data, acc.spaces[id].instance())
	}
	return success(map[string]any{"TotalCount": len(all), "Data": data}), nil
}

func (sp *Space) instance() map[string]any {
	custSpace, instance := sp.Id, "cams-"+sp.Id
	if sp.NoCustSpaceId {
		custSpace, instance = "", sp.Id
	}
	return map[string]any{
		"InstanceId": instance, "CustSpaceId": custSpace, "InstanceName": sp.Name,
		"ChannelType": "WHATSAPP", "State": "NORMAL",
	}
}

// positive reads a number of at least 1; an empty text is the fallback.
func positive(text string, fallback int) (int, bool) {
	if text == "" {
		return fallback, true
	}
	n, err := strconv.ParseInt(text, 10, 32)
	return int(n), err == nil && n >= 1
}

// ofCalling are the fields of a Number that the API answers within CallingConfigure.
var ofCalling = []string{"CallingCallbackUrl", "CallingStatus", "CallHoursStatus", "MaxTalkTime", "CallHours"}

// callingConfigure is what the API answers for those fields; nil where a number has none.
// CallHours is a time zone and hours of days, as in "Asia/Singapore; MONDAY 0900-1800".
func (n Number) callingConfigure() map[string]any {
	if !slices.ContainsFunc(ofCalling, func(f string) bool { _, has := n[f]; return has }) {
		return nil
	}
	config, calling, hours := map[string]any{}, map[string]any{}, map[string]any{}
	put := func(in map[string]any, name, field string) {
		if v, ok := n[field]; ok {
			in[name] = rendered(v)
		}
	}
	put(config, "CallingCallbackUrl", "CallingCallbackUrl")
	put(calling, "Status", "CallingStatus")
	put(hours, "Status", "CallHoursStatus")
	put(config, "MaxTalkTime", "MaxTalkTime")
	if minutes, err := strconv.Atoi(n["MaxTalkTime"]); err == nil {
		config["MaxTalkTime"] = minutes
	}
	if v, ok := n["CallHours"]; ok && v != Null {
		zone, days, _ := strings.Cut(v, "; ")
		hours["TimezoneId"], hours["WeeklyOperatingHours"] = zone, operatingHours(days)
	}
	if len(hours) > 0 {
		calling["CallHours"] = hours
	}
	if len(calling) > 0 {
		config["Calling"] = calling
	}
	return config
}

func operatingHours(days string) []map[string]string {
	list := []map[string]string{}
	for day := range strings.SplitSeq(days, "; ") {
		name, times, ok := strings.Cut(day, " ")
		if !ok {
			continue
		}
		from, to, _ := strings.Cut(times, "-")
		list = append(list, map[string]string{"DayOfWeek": name, "OpenTime": from, "CloseTime": to})
	}
	slices.Reverse(list) // no order is promised
	return list
}
