package cams

import (
	"errors"

	"numwatch/phone"
)

// AsError returns the error of a poll as an *Error; one that is none is taken
// for transient.
func AsError(space phone.SpaceKey, err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	return &Error{Class: Transient, Account: space.Account, Space: space.ID, Message: clean(scrub(err.Error()), maxMessage), Err: err}
}

// Refused returns the error that an answer with this HTTP status, Code and
// Message makes of a poll, for whoever plays the cloud's part. The texts are
// made fit to be shown, as those of a real answer are.
func Refused(space phone.SpaceKey, status int, code, message string) *Error {
	code = clean(code, maxCode)
	k, _ := classify(status, code)
	return &Error{
		Class: k.class, Account: space.Account, Space: space.ID, HTTPStatus: status,
		Code: code, Message: clean(scrub(message), maxMessage), Advice: k.advice,
	}
}
