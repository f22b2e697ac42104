package dragoman;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.gson.Gson;
import com.google.gson.reflect.TypeToken;
import dragoman.v1.TranslateTextRequest;
import dragoman.v1.Translation;
import dragoman.v1.TranslationServiceGrpc;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.StatusRuntimeException;
import io.grpc.stub.MetadataUtils;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.io.Reader;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Prints the translations of its arguments. The first argument says where the server is: HOST:PORT,
 * or dns:///HOST:PORT of a name with many addresses.
 */
public final class Translate {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  private Translate() {}

  /** Exits with 1 where the server refuses. */
  public static void main(String[] arguments) throws IOException {
    List<String> texts = List.of(arguments).subList(1, arguments.length);
    ManagedChannel channel =
        Grpc.newChannelBuilder(arguments[0], InsecureChannelCredentials.create()) // or TLS's
            .defaultServiceConfig(serviceConfig())
            .build();
    TranslationServiceGrpc.TranslationServiceBlockingStub stub =
        TranslationServiceGrpc.newBlockingStub(channel)
            .withInterceptors(MetadataUtils.newAttachHeadersInterceptor(headers()))
            .withDeadlineAfter(30, TimeUnit.SECONDS);
    TranslateTextRequest request = TranslateTextRequest.newBuilder().addAllContents(texts).build();
    PrintStream out = new PrintStream(System.out, true, UTF_8);
    try {
      for (Translation translation : stub.translateText(request).getTranslationsList()) {
        out.println(translation.getTranslatedText());
      }
    } catch (StatusRuntimeException refused) {
      System.err.println(refused.getStatus());
      System.exit(1);
    } finally {
      channel.shutdownNow();
    }
  }

  private static Metadata headers() {
    Metadata headers = new Metadata();
    String key = System.getenv("DRAGOMAN_API_KEY");
    if (key != null) {
      headers.put(AUTHORIZATION, "Bearer " + key);
    }
    return headers;
  }

  /** Returns how calls are balanced and tried again. */
  private static Map<String, ?> serviceConfig() throws IOException {
    try (Reader file =
        new InputStreamReader(Translate.class.getResourceAsStream("/service_config.json"), UTF_8)) {
      return new Gson().fromJson(file, new TypeToken<Map<String, Object>>() {}.getType());
    }
  }
}
