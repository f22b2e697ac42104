package dragomanv1

import (
	_ "embed"

	// gRPC watches the health of servers, as ServiceConfig says, where this is imported.
	_ "google.golang.org/grpc/health"
)

// ServiceConfig is what grpc.WithDefaultServiceConfig takes: each call goes to the next of the
// servers that say they serve, and what they had no room for is tried again.
//
//go:embed service_config.json
var ServiceConfig string
