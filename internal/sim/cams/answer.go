package cams

import (
	"encoding/json"
	"net/http"
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

func (n Number) render() map[string]any {
	out := make(map[string]any, len(n))
	for k, v := range n {
		if raw, ok := strings.CutPrefix(v, "\x00"); ok {
			out[k] = json.RawMessage(raw)
		} else {
			out[k] = v
		}
	}
	return out
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
