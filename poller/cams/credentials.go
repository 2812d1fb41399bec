package cams

import (
	"fmt"

	"github.com/aliyun/credentials-go/credentials/providers"
)

// The providers are imported without the package around them, which would bring
// a megabyte of the vendor's other libraries into the binary.

// Credentials say where an account's keys come from. Type is empty (the
// vendor's default chain: environment, OIDC, configuration files, instance
// metadata, URI), access_key, sts, ecs_ram_role, ram_role_arn, oidc_role_arn or
// credentials_uri; the other members are used as the type needs them.
type Credentials struct {
	Type            string
	AccessKeyId     string
	AccessKeySecret string
	SecurityToken   string
	RoleName        string
	RoleArn         string
	RoleSessionName string
	ExternalId      string
	Policy          string
	OidcProviderArn string
	OidcTokenFile   string
	StsEndpoint     string
	URL             string
}

// String names the type only, so that secrets stay out of logs.
func (c Credentials) String() string { return "credentials of type " + c.kind() }

// GoString is String.
func (c Credentials) GoString() string { return c.String() }

func (c Credentials) kind() string {
	if c.Type == "" {
		return "default chain"
	}
	return c.Type
}

// build makes the vendor's provider of the type.
func (c Credentials) build() (providers.CredentialsProvider, error) {
	// Of milliseconds; the library's own defaults reach 10 s each.
	limits := &providers.HttpOptions{ConnectTimeout: 3000, ReadTimeout: 5000}
	switch c.Type {
	case "":
		return providers.NewDefaultCredentialsProvider(), nil
	case "access_key", "sts":
		return c.given()
	case "ecs_ram_role":
		return providers.NewECSRAMRoleCredentialsProviderBuilder().WithRoleName(c.RoleName).Build()
	case "ram_role_arn":
		from, err := c.given()
		if err != nil {
			return nil, err
		}
		return providers.NewRAMRoleARNCredentialsProviderBuilder().WithCredentialsProvider(from).
			WithRoleArn(c.RoleArn).WithRoleSessionName(c.RoleSessionName).WithPolicy(c.Policy).WithExternalId(c.ExternalId).
			WithStsEndpoint(c.StsEndpoint).WithHttpOptions(limits).Build()
	case "oidc_role_arn":
		return providers.NewOIDCCredentialsProviderBuilder().
			WithRoleArn(c.RoleArn).WithRoleSessionName(c.RoleSessionName).WithPolicy(c.Policy).
			WithOIDCProviderARN(c.OidcProviderArn).WithOIDCTokenFilePath(c.OidcTokenFile).
			WithSTSEndpoint(c.StsEndpoint).WithHttpOptions(limits).Build()
	case "credentials_uri":
		return providers.NewURLCredentialsProviderBuilder().WithUrl(c.URL).WithHttpOptions(limits).Build()
	}
	return nil, fmt.Errorf("the type %s is not supported", c.Type)
}

// given returns a provider of the keys in the configuration.
func (c Credentials) given() (providers.CredentialsProvider, error) {
	if c.Type == "sts" || c.SecurityToken != "" {
		return providers.NewStaticSTSCredentialsProviderBuilder().
			WithAccessKeyId(c.AccessKeyId).WithAccessKeySecret(c.AccessKeySecret).WithSecurityToken(c.SecurityToken).Build()
	}
	return providers.NewStaticAKCredentialsProviderBuilder().
		WithAccessKeyId(c.AccessKeyId).WithAccessKeySecret(c.AccessKeySecret).Build()
}
