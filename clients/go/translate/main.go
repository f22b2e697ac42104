// Translate prints the translations of its arguments. The first argument says where the server is:
// HOST:PORT, or dns:///HOST:PORT of a name with many addresses.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	dragomanv1 "dragoman/v1"
)

func main() {
	connection, err := grpc.NewClient(os.Args[1],
		grpc.WithTransportCredentials(insecure.NewCredentials()), // credentials.NewTLS(nil) for TLS
		grpc.WithDefaultServiceConfig(dragomanv1.ServiceConfig))
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if key := os.Getenv("DRAGOMAN_API_KEY"); key != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+key)
	}
	request := &dragomanv1.TranslateTextRequest{Contents: os.Args[2:]}
	answer, err := dragomanv1.NewTranslationServiceClient(connection).TranslateText(ctx, request)
	if err != nil {
		log.Fatal(err)
	}
	for _, translation := range answer.Translations {
		fmt.Println(translation.TranslatedText)
	}
}
