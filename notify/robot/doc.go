// Package robot tells groups in DingTalk, Feishu (and Lark) and WeCom about incidents: chats
// in which a robot can post, and neither edit nor search. People are told once that an
// incident began, once that it ended, and in between only what is worse; more than a group
// can take becomes a digest. What was told is committed after each message, so that a
// message is told again only if the process was killed, or no answer came, just then.
//
// plan.go and tell.go decide what is said (pure, with notify/audience), robot.go says it,
// send.go and text.go are what the dialects share, and each vendor has a file. Limits, from
// the vendors' documentation of custom robots:
//
//   - DingTalk: 20 messages a minute and robot, beyond which it takes none for ten minutes; a
//     body of 20,000 bytes. open.dingtalk.com/document/orgapp/custom-robot-access
//   - Feishu and Lark: 100 messages a minute and 5 a second; a body of 20 KB.
//     open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
//   - WeCom: 20 messages a minute; markdown of 4,096 bytes.
//     developer.work.weixin.qq.com/document/path/91770
//
// It imports phone, alert, notify and the packages of notify that make messages; internal/bot
// calls it.
package robot
