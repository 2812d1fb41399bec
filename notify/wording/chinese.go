package wording

import (
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"numwatch/alert"
	"numwatch/phone"
)

// chinese is Simplified Chinese, with the terms of the provider's console. What the API
// and the bot call a value stands in brackets behind it, as people search for that.
var chinese = Catalogue{
	Language: phone.Chinese,

	Colon: "：", Comma: "，", Semicolon: "；", Beside: "；",
	List: func(names []string) string { return strings.Join(names, "、") },
	More: func(n int) string { return "以及另外 " + phone.Grouped(n) + " 个" },

	Mark:  markInChinese,
	Inner: markInChinese,
	Drill: "演练：",

	Space:   func(title string) string { return "空间 " + title },
	Account: func(name string) string { return "账号 " + name },
	Part:    func(component string) string { return "numwatch 组件 " + component },
	Field:   fieldInChinese,
	Value:   valueInChinese,
	Empty:   "（空）",

	State: func(f phone.Field, value string) string { return spaced(fieldInChinese(f), value) },
	Was:   func(value string) string { return spaced("，此前为", value) },
	Now:   func(name, value string) string { return spaced(name+"现为", value) },
	Again: func(name, value string) string { return spaced(name+"恢复为", value) },
	Over:  func(f phone.Field) string { return fieldInChinese(f) + "的告警已结束" },
	Still: func(f phone.Field, value, _ string) string {
		return spaced(fieldInChinese(f)+"仍为", value) + "，但规则已不再适用"
	},
	Ended:     "告警已结束",
	Closing:   closingInChinese,
	OpenAgain: "，再次触发",
	Flapping:  func(how string) string { return "状态抖动：" + how },
	ComesGoes: "时好时坏",
	Flaps:     func(n int, value, span string) string { return spaced(span+"内 "+strconv.Itoa(n)+" 次变为", value) },
	NextWord:  func(span string) string { return "；稳定 " + span + "后再通知" },
	Since:     func(time string) string { return "，始于 " + time },
	For:       func(state, span string) string { return state + "，已持续 " + span },
	OpenFor:   func(span string) string { return "（告警已持续 " + span + "）" },
	Settled: func(f phone.Field, value, span string) string {
		return spaced(fieldInChinese(f)+"已稳定为", value) + "，持续 " + span + "，不再抖动"
	},
	StillOpen: func(states string) string { return "仍未恢复：" + states },
	Back:      func(_, span string) string { return " 已重新出现，此前消失 " + span },
	EndedAfter: func(recovered bool, span, now, was string) string {
		how := " 的告警已结束"
		if recovered {
			how = " 已恢复"
		}
		return how + "，持续 " + span + "：" + now + spaced("，此前为", was)
	},
	After:     func(span string) string { return "（持续 " + span + "）" },
	Meanwhile: func(mark string) string { return "通知发出前" + mark },

	Subjects: func(kind Subject, n int) string {
		return phone.Grouped(n) + [...]string{Component: " 个组件", Account: " 个账号", Space: " 个空间", Number: " 个号码", Mixed: " 个事件"}[kind]
	},
	At:     inChinese,
	Others: func(n int, where Where) string { return spaced("，另有", inChinese(phone.Grouped(n)+" 个", where)) },
	ListOver: func(subjects string, recovered bool, span, what string) string {
		how := "告警已结束"
		if recovered {
			how = "已恢复"
		}
		return subjects + how + "，持续 " + span + "（" + what + "）"
	},
	NOf: func(n int, subjects string) string { return subjects + "中的 " + phone.Grouped(n) + " 个" },
	Tally: func(n, of int, word string) string {
		if of > 0 {
			return phone.Grouped(of) + " 个中 " + phone.Grouped(n) + " 个" + word
		}
		return phone.Grouped(n) + " 个" + word
	},
	Yellow:    func(n int) string { return phone.Grouped(n) + " 个号码质量评级为中（YELLOW）" },
	AllAlerts: "全部告警",
	ListedBy:  "运行 numwatch alerts 查看全部",
	Rest: func(n int, where string) string {
		return strings.TrimSuffix("另有 "+phone.Grouped(n)+" 个未列出："+where, "：")
	},

	Digest: Digest{
		Quiet: func(span string) string { return "过去 " + span + "内无告警，目前没有未恢复的告警" },
		Title: func(opened, ended int, span string, open int, worst string) string {
			now := "目前没有未恢复的告警"
			if open > 0 {
				now = "目前 " + phone.Grouped(open) + " 个未恢复，最高级别为" + worst
			}
			return "过去 " + span + "内新增 " + phone.Grouped(opened) + " 个告警，结束 " + phone.Grouped(ended) + " 个，" + now
		},
		Titles:  DigestTitles{Open: "未恢复", Opened: "新增", Ended: "已结束", Customers: "告警最多的客户", Rules: "触发最多的规则"},
		Total:   func(title string, n int) string { return title + "：" + phone.Grouped(n) + " 个" },
		Of:      func(who, customer string) string { return who + "（" + customer + "）" },
		For:     func(span string) string { return "，已持续 " + span },
		After:   func(span string) string { return "，持续 " + span },
		TakenBy: func(who string) string { return "，由 " + who + " 处理" },
		Customer: func(title string, open, opened int) string {
			return title + "：未恢复 " + phone.Grouped(open) + " 个，新增 " + phone.Grouped(opened) + " 个"
		},
		Rule: func(name string, opened int) string { return name + "：触发 " + phone.Grouped(opened) + " 次" },
		Held: func(n int) string {
			return phone.Grouped(n) + " 个告警因静默、免打扰时段或其他规则未通知"
		},
		From: "起始时间", To: "截止时间",
	},

	Severity:  "级别",
	ToDo:      "处理建议",
	ToDoFor:   func(kind string) string { return "处理建议（" + kind + "）" },
	AdviceFor: func(kind string) string { return "【" + kind + "】" }, // Slack knows no italics beside Chinese signs
	Runbook:   "处理手册",
	Labels: Labels{
		Number: "号码", Name: "名称", Flapping: "状态抖动", Space: "空间", Account: "账号", Part: "numwatch 组件", Labels: "标签",
		Code: "错误码", Reason: "原因", Why: "受限原因", Solution: "解决办法", TakenBy: "处理人",
		Opened: "开始时间", Until: "结束时间", Since: "发生时间", OpenSince: "告警开始时间",
	},
	Links:   Links{Number: "号码详情", History: "变更历史", Delivery: "消息投递", Spaces: "空间列表", Why: "触发规则", Silence: "静默", Manager: "WhatsApp 管理工具"},
	Buttons: Buttons{Acknowledge: "认领", SilenceHour: "静默 1 小时", SilenceDay: "静默 1 天"},
	SpaceOf: func(title, account string) string { return title + "（账号 " + account + "）" },

	Announcement: announcementInChinese,
	Press: Press{
		Operators: "未执行：仅限操作员使用，名单见 numwatch 配置中的 slack.operators。",
		Unknown:   "未执行：numwatch 已不再保留这条消息的记录。",
		Closed:    "未执行：这条消息中的告警均已结束。",
		Taken:     func(by string) string { return "未执行：" + by + " 已认领。" },
		Failed:    func(why string) string { return "执行失败：" + why },
	},

	Rules:      func(names []string) string { return "规则 " + strings.Join(names, "、") },
	Opened:     func(times int) string { return "触发 " + strconv.Itoa(times) + " 次" },
	FirstPoll:  "首次轮询时发现",
	ShownLate:  func(span string) string { return "触发 " + span + "后才通知" },
	TakenBy:    func(who string) string { return "由 " + who + " 处理" },
	SilencedBy: func(who, until string) string { return "已由 " + who + " 静默至 " + until },
	HeldBy:     func(names []string) string { return "因 " + strings.Join(names, "、") + " 暂不通知" },
	OfThese:    func(n int, note string) string { return "其中 " + phone.Grouped(n) + " 个" + note },
	Time:       func(t time.Time) string { return t.UTC().Format("1月2日 15:04 UTC") },
}

// spaced puts a space before what is no Chinese text.
func spaced(text, value string) string {
	if first, _ := utf8.DecodeRuneInString(value); unicode.Is(unicode.Han, first) || first == '（' {
		return text + value
	}
	return text + " " + value
}

// inChinese adds to a text where that is.
func inChinese(text string, where Where) string {
	switch {
	case where.Spaces == "":
		return text
	case where.FirstLook:
		return "首次轮询 " + where.Spaces + " 发现的 " + text
	default:
		return where.Spaces + " 的 " + text
	}
}

var chineseMarks = map[string]string{
	"Critical": "紧急", "High": "重要", "Warning": "警告", "Info": "信息",
	"Resolved": "已恢复", "Ended": "已结束", "Closed": "已关闭",
	"Update": "更新", "Worse": "恶化", "Better": "好转", "Now": "变更", "Now also": "新增", "Digest": "告警摘要", "Open again": "再次触发", "Still open": "未恢复",
}

// markInChinese also takes the names of severities.
func markInChinese(word string) string {
	if in, ok := chineseMarks[strings.ToUpper(word[:1])+word[1:]]; ok {
		return in
	}
	return word
}

var chineseFields = map[phone.Field]string{
	phone.VerifiedName: "认证名称", phone.Status: "状态", phone.QualityRating: "质量评级", phone.CodeVerificationStatus: "验证状态",
	phone.NewNameStatus: "新名称审核状态", phone.NameStatus: "名称审核状态", phone.MessagingLimitTier: "消息限额",
	phone.StatusQueue: "状态报告队列", phone.UpQueue: "上行消息队列",
	phone.StatusCallbackUrl: "状态报告回调地址", phone.UpCallbackUrl: "上行消息回调地址", phone.IsOfficial: "官方认证",
	phone.CallingCallbackUrl: "通话回调地址", phone.CallingStatus: "通话状态", phone.CallHoursStatus: "通话时段状态",
	phone.MaxTalkTime: "最长通话时间", phone.CallHours: "通话时段",
	phone.Presence: "号码", phone.Poll: "轮询", phone.Sink: "消息投递", phone.Rules: "告警规则", phone.Silence: "静默", phone.Spaces: "空间列表",
}

func fieldInChinese(f phone.Field) string {
	if in, ok := chineseFields[f]; ok {
		return in
	}
	return f.String()
}

// The values of fields; those of names are the same for both fields.
var (
	chineseNameStates = map[string]string{
		"APPROVAL": "已通过", "APPROVED": "已通过", "AVAILABLE_WITHOUT_REVIEW": "免审核", "PENDING_REVIEW": "审核中", "PENDING": "审核中",
		"DEFERRED": "暂缓审核", "EXPIRED": "已过期", "REJECTED": "未通过", "DECLINED": "未通过",
	}
	chineseValues = map[phone.Field]map[string]string{
		phone.Status: {
			"CONNECTED": "已连接", "PENDING": "待注册", "UNVERIFIED": "未验证", "FLAGGED": "已标记", "RATE_LIMITED": "已限流", "RESTRICTED": "受限",
			"DISCONNECTED": "已断开", "OFFLINE": "离线", "PAUSED": "已暂停", "BANNED": "已封禁", "MIGRATED": "已迁移", "DELETED": "已删除",
		},
		phone.QualityRating: {"GREEN": "高", "YELLOW": "中", "RED": "低"},
		phone.CodeVerificationStatus: {
			"VERIFIED": "已验证", "MORE_INFORMATION_REQUESTED": "需补充资料", "NOT_VERIFIED": "未验证", "UNVERIFIED": "未验证",
			"EXPIRED": "已过期", "REVOKED": "已撤销", "REJECTED": "未通过",
		},
		phone.NameStatus: chineseNameStates, phone.NewNameStatus: chineseNameStates,
		phone.MessagingLimitTier: {"TIER_UNLIMITED": "不限", "TIER_NOT_SET": "未设置", "UNTIERED": "未设置"},
		phone.IsOfficial:         {"Y": "是", "N": "否"},
		phone.Presence:           {phone.Appeared: "已出现", phone.Missing: "已消失", phone.Moved: "已转移"},
		phone.Poll:               {phone.OK: "正常", phone.ClockOff: "时钟偏差", phone.Failing: "失败", phone.Denied: "被拒绝"},
		phone.Sink:               {phone.OK: "正常", phone.Parked: "已停止"},
		phone.Rules:              {phone.OK: "正常", phone.Noisy: "告警过多", phone.Refused: "有错误"},
		phone.Silence:            {phone.OK: "正常", phone.Ending: "即将结束"},
		phone.Spaces:             {phone.OK: "正常", phone.Missing: "有缺失"},
	}
	chineseUnknown = map[string]string{"UNKNOWN": "未知", "NA": "无", "NONE": "无"}
)

// valueInChinese keeps the value beside the word for it, as that is what the API and the
// rules call it.
func valueInChinese(f phone.Field, shown string) string {
	word, ok := chineseValues[f][shown]
	if !ok && f.IsEnum() {
		word, ok = chineseUnknown[shown]
	}
	if !ok && f == phone.MessagingLimitTier {
		word, ok = tierInChinese(shown)
	}
	if !ok {
		return shown
	}
	return word + "（" + shown + "）"
}

// tierInChinese says to how many people a day a limit lets through: TIER_2K to 2,000.
func tierInChinese(tier string) (string, bool) {
	rank, ok := phone.MessagingLimitTier.Rank(tier)
	if !ok || rank > 0 {
		return "", false
	}
	return phone.Grouped(-rank) + " 人/天", true
}

var chineseClosings = map[string]string{
	alert.ClosedMissing: "号码已从空间的列表中消失", alert.ClosedMoved: "号码已转移到其他空间", alert.ClosedMigrated: "号码已迁移", alert.ClosedDeleted: "号码已删除",
	alert.ClosedSpaceLeft: "该空间已不再监控", alert.ClosedAccountLeft: "该账号已不再监控",
	alert.ClosedOnce: "该规则改为仅通知一次（once）", alert.ClosedField: "该规则已不再监控此字段", alert.ClosedRule: "该规则已删除", alert.ClosedDrill: "演练：实际并未发生",
}

var chineseAnnouncements = map[string]string{
	alert.StoreFails: "numwatch 无法写入数据库，已暂停轮询", alert.NotWatching: "numwatch 已停止监控",
}

// announcementInChinese leaves the cause as it is.
func announcementInChinese(text string) string {
	for begin, in := range chineseAnnouncements {
		if rest, ok := strings.CutPrefix(text, begin); ok {
			return in + strings.Replace(rest, ": ", "：", 1)
		}
	}
	return text
}

// closingInChinese says why an alert ended; what it does not know it leaves as it is.
func closingInChinese(text string) string {
	for begin, in := range chineseClosings {
		if strings.HasPrefix(text, begin) {
			return in
		}
	}
	return text
}
