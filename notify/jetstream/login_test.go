package jetstream

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
	"github.com/stretchr/testify/require"

	"numwatch/phone"
)

// A login is a server that demands something, who has it, and who has not.
type login struct {
	demand  func(*server.Options)
	good    Login
	refused map[string]Login
}

func TestNATSLogins(t *testing.T) {
	for name, prepare := range map[string]func(*testing.T) login{
		"token": tokenLogin, "user in the URL": userLogin, "nkey": nkeyLogin, "creds file": credsLogin,
		"tls": tlsLogin, "client certificate": certificateLogin,
	} {
		t.Run(name, func(t *testing.T) {
			l := prepare(t)
			s := demanding(t, l.demand)
			good := l.good
			good.URL = addressed(good.URL, s)
			b := &rig{t: t, log: newMemory()}
			o := b.optionsFor(good)
			b.add(changeEvent(1))
			b.start(o)
			b.caughtUp()
			b.stopSink()
			_, err := Check(t.Context(), good, o.Stream)
			require.NoError(t, err)
			for who, bad := range l.refused {
				bad.URL = addressed(bad.URL, s)
				requireRefused(t, who, bad)
			}
		})
	}
}

// requireRefused checks that a bot that is not let in parks and says what to do,
// and goes on trying.
func requireRefused(t *testing.T, who string, bad Login) {
	t.Helper()
	b := &rig{t: t, log: newMemory()}
	n := New(b.optionsFor(bad))
	n.patient = 0
	b.add(changeEvent(1))
	b.run(n)
	require.Eventually(t, func() bool { return b.log.condition("nats") == phone.Parked }, soon, time.Millisecond, who)
	require.Contains(t, b.log.reason("nats"), "nats.", "%s: it says which setting to look at", who)
	require.NotContains(t, b.log.reason("nats"), "s3cret")
	require.False(t, n.Status().Connected, who)
	b.stopSink()
	_, err := Check(t.Context(), bad, StreamOptions{Name: "NUMWATCH"})
	require.Error(t, err, who)
	require.NotContains(t, err.Error(), "s3cret")
}

func (b *rig) optionsFor(l Login) Options {
	return Options{
		Log: b.log, Recorder: b.log, Renderer: &Renderer{Epoch: "k3v9q2", Space: spaceOf},
		Cursor: b.log.keptCursor(), Login: l, Stream: StreamOptions{Name: "NUMWATCH", Create: true}, PublishChanges: true,
	}
}

// demanding starts a server that lets in nobody but who has what it demands.
func demanding(t *testing.T, demand func(*server.Options)) *server.Server {
	t.Helper()
	o := &server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true}
	demand(o)
	s, err := server.NewServer(o)
	require.NoError(t, err)
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	require.True(t, s.ReadyForConnections(soon))
	return s
}

// addressed is the server's address with the user and scheme of a login, if any.
func addressed(prefix string, s *server.Server) string {
	if prefix == "" {
		prefix = "nats://"
	}
	return prefix + s.Addr().String()
}

func write(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	return path
}

func tokenLogin(*testing.T) login {
	return login{
		demand:  func(o *server.Options) { o.Authorization = "s3cret" },
		good:    Login{Token: "s3cret"},
		refused: map[string]Login{"nothing": {}, "another token": {Token: "s3cret-no"}},
	}
}

func userLogin(*testing.T) login {
	return login{
		demand:  func(o *server.Options) { o.Username, o.Password = "bot", "s3cret" },
		good:    Login{URL: "nats://bot:s3cret@"},
		refused: map[string]Login{"another password": {URL: "nats://bot:s3cret-no@"}},
	}
}

func seedFile(t *testing.T, k nkeys.KeyPair) string {
	seed, err := k.Seed()
	require.NoError(t, err)
	return write(t, "bot.nk", seed)
}

func nkeyLogin(t *testing.T) login {
	k, err := nkeys.CreateUser()
	require.NoError(t, err)
	other, err := nkeys.CreateUser()
	require.NoError(t, err)
	public, err := k.PublicKey()
	require.NoError(t, err)
	return login{
		demand: func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: public}} },
		good:   Login{NKeyFile: seedFile(t, k)},
		refused: map[string]Login{
			"another key": {NKeyFile: seedFile(t, other)}, "no file": {NKeyFile: "/nowhere/bot.nk"}, "no seed": {NKeyFile: write(t, "x.nk", []byte("hello"))},
		},
	}
}

// credsLogin makes an operator, an account with JetStream and a user.
func credsLogin(t *testing.T) login {
	operator, err := nkeys.CreateOperator()
	require.NoError(t, err)
	operatorKey, err := operator.PublicKey()
	require.NoError(t, err)
	resolver := &server.MemAccResolver{}
	account, _ := newAccount(t, operator, resolver, jwt.JetStreamLimits{DiskStorage: -1, MemoryStorage: -1, Streams: -1, Consumer: -1})
	_, system := newAccount(t, operator, resolver, jwt.JetStreamLimits{})
	creds := func(signer nkeys.KeyPair, expires time.Time) string {
		user, err := nkeys.CreateUser()
		require.NoError(t, err)
		public, err := user.PublicKey()
		require.NoError(t, err)
		seed, err := user.Seed()
		require.NoError(t, err)
		claims := jwt.NewUserClaims(public)
		claims.Expires = expires.Unix()
		token, err := claims.Encode(signer)
		require.NoError(t, err)
		file, err := jwt.FormatUserConfig(token, seed)
		require.NoError(t, err)
		return write(t, "bot.creds", file)
	}
	stranger, err := nkeys.CreateAccount()
	require.NoError(t, err)
	later := time.Now().Add(time.Hour)
	return login{
		demand: func(o *server.Options) {
			o.TrustedKeys, o.AccountResolver, o.SystemAccount = []string{operatorKey}, resolver, system
		},
		good: Login{CredsFile: creds(account, later)},
		refused: map[string]Login{
			"of another account": {CredsFile: creds(stranger, later)},
			"expired":            {CredsFile: creds(account, time.Now().Add(-time.Hour))},
			"no file":            {CredsFile: "/nowhere/bot.creds"},
		},
	}
}

func newAccount(t *testing.T, operator nkeys.KeyPair, r *server.MemAccResolver, limits jwt.JetStreamLimits) (k nkeys.KeyPair, public string) {
	k, err := nkeys.CreateAccount()
	require.NoError(t, err)
	public, err = k.PublicKey()
	require.NoError(t, err)
	claims := jwt.NewAccountClaims(public)
	claims.Limits.JetStreamLimits = limits
	token, err := claims.Encode(operator)
	require.NoError(t, err)
	require.NoError(t, r.Store(public, token))
	return k, public
}

// authority signs certificates for this machine.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
}

func newAuthority(t *testing.T) *authority {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	return &authority{t, cert, key, write(t, "ca.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

// sign returns the files of a certificate and its key.
func (a *authority) sign(name string) (certFile, keyFile string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(a.t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, key.Public(), a.key)
	require.NoError(a.t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(a.t, err)
	return write(a.t, "cert.pem", pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		write(a.t, "key.pem", pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

func (a *authority) serverTLS(verify bool) func(*server.Options) {
	certFile, keyFile := a.sign("server")
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	require.NoError(a.t, err)
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	c := &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	if verify {
		c.ClientAuth, c.ClientCAs = tls.RequireAndVerifyClientCert, pool
	}
	return func(o *server.Options) { o.TLS, o.TLSVerify, o.TLSConfig, o.TLSTimeout = true, verify, c, 5 }
}

func tlsLogin(t *testing.T) login {
	ca, other := newAuthority(t), newAuthority(t)
	return login{
		demand: ca.serverTLS(false),
		good:   Login{URL: "tls://", CAFile: ca.file},
		refused: map[string]Login{
			"no authority": {URL: "tls://"}, "another authority": {CAFile: other.file}, "no file": {CAFile: "/nowhere/ca.pem"},
		},
	}
}

func certificateLogin(t *testing.T) login {
	ca, other := newAuthority(t), newAuthority(t)
	certFile, keyFile := ca.sign("bot")
	wrongCert, wrongKey := other.sign("bot")
	return login{
		demand: ca.serverTLS(true),
		good:   Login{CAFile: ca.file, CertFile: certFile, KeyFile: keyFile},
		refused: map[string]Login{
			"no certificate": {CAFile: ca.file},
			"of another":     {CAFile: ca.file, CertFile: wrongCert, KeyFile: wrongKey},
			"no key":         {CAFile: ca.file, CertFile: certFile, KeyFile: "/nowhere/key.pem"},
		},
	}
}
