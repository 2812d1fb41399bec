// Package deploytest holds the files of deploy and the pages of docs that tell
// how to operate the bot to what the program really does: it runs their
// commands, reads their configuration, and looks their metrics, messages and
// settings up. It holds tests only.
package deploytest
