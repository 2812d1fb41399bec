package alerttest

import "strings"

// Hostile are names that a customer might choose to mention, link, format or
// hide something.
var Hostile = []string{
	"<!channel>", "<!here|here>", "<!everyone>", "<@U0123456>", "<!subteam^S012|@oncall>", "<#C0123|general>",
	"<https://evil.example.com|Runbook>", "https://evil.example.com/login", "http://evil.example.com", "mailto:a@evil.example.com",
	"*bold*", "_italic_", "~strike~", "`code`", "```\nblock\n```", "> quote", ">>> quote", ":skull:", ":+1::tada:", "a :100: b",
	"&lt;!channel&gt;", "&amp;lt;!channel&amp;gt;", "<!channel", "!channel>", "<!date^1^{date}|x>",
	"Resolved\n*Critical*: all good", "line\rbreak", "sep\u2028arator\u2029", "tab\tbed",
	"\u202egnp.exe", "\u2066isolated\u2069", "\u200bzero\u200bwidth\u200d\ufeff", "soft\u00adhyphen", "\U000e0041tags\U000e007f",
	"\x1b[31mred\x1b[0m", "\x1b]8;;https://evil.example.com\x07link\x1b]8;;\x07", "\x00\x07\x08\x7f\u009b31m", "\xff\xfe broken \xc3",
	"\u3164\u115f\u1160\uffa0", "v\ufe0f\ufe0e", "𝓯𝓪𝓷𝓬𝔂", "日本語の名前", "محل", strings.Repeat("W", 5000), strings.Repeat("<&>", 3000),
	strings.Repeat("*", 4000), strings.Repeat("😀", 3000), strings.Repeat("日", 3000), "", " ", "{Old}", `"},{"type":"actions"`,
}
