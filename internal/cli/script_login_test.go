package cli_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// guarded is a server that lets in only who knows its authority (ca.pem), has a
// certificate of that (cert.pem, key.pem), and a seed (user.nk). It writes these
// files into dir, and those of another who is not let in (other-….pem,
// other.nk).
func guarded(dir string) (*server.Options, error) {
	public, err := writeSeed(filepath.Join(dir, "user.nk"))
	if err != nil {
		return nil, err
	}
	if _, err = writeSeed(filepath.Join(dir, "other.nk")); err != nil {
		return nil, err
	}
	if _, _, err = authority(dir, "other-"); err != nil {
		return nil, err
	}
	pair, pool, err := authority(dir, "")
	if err != nil {
		return nil, err
	}
	return &server.Options{
		Nkeys: []*server.NkeyUser{{Nkey: public}}, TLS: true, TLSVerify: true, TLSTimeout: startsWithin.Seconds(),
		TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool},
	}, nil
}

func writeSeed(path string) (public string, err error) {
	user, err := nkeys.CreateUser()
	if err != nil {
		return "", err
	}
	seed, err := user.Seed()
	if err != nil {
		return "", err
	}
	if public, err = user.PublicKey(); err != nil {
		return "", err
	}
	return public, os.WriteFile(path, seed, 0o600)
}

// authority makes an authority and one certificate for this machine, which is
// good for a server and for a client, and writes their files.
func authority(dir, prefix string) (pair tls.Certificate, pool *x509.CertPool, err error) {
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair, nil, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair, nil, err
	}
	from, until := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	ca := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: prefix + "authority"}, NotBefore: from, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	own := &x509.Certificate{
		SerialNumber: big.NewInt(2), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: from, NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	caDER, err1 := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	ownDER, err2 := x509.CreateCertificate(rand.Reader, own, ca, key.Public(), caKey)
	secret, err3 := x509.MarshalPKCS8PrivateKey(key)
	if err := errors.Join(err1, err2, err3); err != nil {
		return pair, nil, err
	}
	files := map[string][]byte{
		"ca.pem":   pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER}),
		"cert.pem": pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ownDER}),
		"key.pem":  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, prefix+name), content, 0o600); err != nil {
			return pair, nil, err
		}
	}
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(files["ca.pem"])
	pair, err = tls.X509KeyPair(files["cert.pem"], files["key.pem"])
	return pair, pool, err
}
