// Package server serves HTTP within limits of time and size, so that a client that is slow
// or sends without end holds nothing for long. It imports the standard library; internal/bot
// serves by it, and web and web/standby send long answers by it.
package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

const (
	headerTimeout   = 5 * time.Second
	readTimeout     = 15 * time.Second
	writeTimeout    = 30 * time.Second
	idleTimeout     = time.Minute
	shutdownTimeout = 5 * time.Second
	headerBytes     = 16 << 10
	bodyBytes       = 1 << 20
)

// Serve answers requests on the listener until ctx ends, then lets those that
// are under way finish, for a few seconds, and breaks off the rest. It closes
// the listener. The error is nil after a shutdown in which all could finish.
func Serve(ctx context.Context, listener net.Listener, handler http.Handler, logger *slog.Logger) error {
	server := &http.Server{
		Handler:           http.MaxBytesHandler(handler, bodyBytes),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    headerBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serving HTTP on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	err := server.Shutdown(bounded)
	if err != nil {
		err = fmt.Errorf("stopping HTTP on %s: %w", listener.Addr(), errors.Join(err, server.Close()))
	}
	<-served
	return err
}

// Patient returns a writer of an answer that may take as long as it needs, if the client
// goes on taking it.
func Patient(w http.ResponseWriter) io.Writer {
	return &patientWriter{w, http.NewResponseController(w)}
}

type patientWriter struct {
	w       io.Writer
	control *http.ResponseController
}

func (p *patientWriter) Write(b []byte) (int, error) {
	// Not every writer has deadlines; one that has none needs no patience.
	_ = p.control.SetWriteDeadline(time.Now().Add(writeTimeout))
	return p.w.Write(b)
}
