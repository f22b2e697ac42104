// Greedy translation in C++ with a TorchScript bundle: LibTorch and nothing else.
//
//   translate BUNDLE DEVICE START END LIMIT IDS [IDS ...]
//   translate bundles/en-de cpu 7999 0 254 "512 77 3 0" "31 0"
//
// START and END are decoder_start_id and end_id of special_tokens in bundle.json, LIMIT the most
// tokens of a translation, IDS the token ids of a source, with what ends it. Prints the token ids
// of each translation. A decoder with a recurrent state in place of self-attention is refused: its
// state's size is in bundle.json, which a program with a JSON parser reads (docs/torch.md).

#include <torch/script.h>

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

using torch::Tensor;
using torch::indexing::Slice;
using Ids = std::vector<int64_t>;

namespace {

struct Translator {
  torch::Device device;
  torch::jit::Module encoder;
  torch::jit::Module decoder;

  // What TorchScript has frozen is loaded to where it runs: Module::to does not move it.
  Translator(const std::string& bundle, torch::Device where)
      : device(where),
        encoder(torch::jit::load(bundle + "/encoder.pt", where)),
        decoder(torch::jit::load(bundle + "/decoder.pt", where)) {}

  // The decoder's caches in the order of its inputs, layer after layer: keys and values of the
  // target, (rows, heads, capacity, head_dim), empty, which the decoder updates in place; then those
  // of the source, (rows, heads, source, head_dim), as the encoder has them.
  std::vector<Tensor> allocate(const Tensor& key_value, int64_t capacity) {
    const int64_t inputs = decoder.get_method("forward").num_inputs() - 1;  // without the module
    const int64_t layers = key_value.size(0) / 2;
    if (inputs != 4 + 4 * layers) {
      throw std::runtime_error("the decoder has no self-attention; only those that have are run");
    }
    std::vector<Tensor> caches;
    for (int64_t layer = 0; layer < layers; ++layer) {
      const Tensor keys = key_value[2 * layer];
      const std::vector<int64_t> shape{keys.size(0), keys.size(1), capacity, keys.size(3)};
      caches.insert(caches.end(), {keys.new_zeros(shape), keys.new_zeros(shape), keys,
                                   key_value[2 * layer + 1]});
    }
    return caches;
  }

  // The likeliest token after the likeliest token: (rows, tokens).
  Tensor greedy(const std::vector<Ids>& sources, int64_t start, int64_t end, int64_t limit) {
    const torch::InferenceMode without_gradients;
    const auto rows = static_cast<int64_t>(sources.size());
    size_t longest = 0;
    for (const Ids& source : sources) longest = std::max(longest, source.size());
    Tensor ids = torch::zeros({rows, static_cast<int64_t>(longest)}, torch::kInt64);
    Tensor mask = torch::zeros_like(ids, torch::kBool);
    for (int64_t row = 0; row < rows; ++row) {
      const auto length = static_cast<int64_t>(sources[row].size());
      ids.index_put_({row, Slice(0, length)}, torch::tensor(sources[row]));
      mask.index_put_({row, Slice(0, length)}, true);
    }
    ids = ids.to(device);
    mask = mask.to(device);
    const std::vector<Tensor> caches = allocate(encoder.forward({ids, mask}).toTensor(), limit);
    const Tensor places = torch::arange(limit, ids.options());
    Tensor last = torch::full({rows}, start, ids.options());
    Tensor ended = torch::zeros_like(last, torch::kBool);
    std::vector<Tensor> said;
    for (int64_t position = 0; position < limit; ++position) {
      std::vector<torch::jit::IValue> inputs{last, torch::full_like(last, position),
                                             places.le(position).expand({rows, -1}), mask};
      inputs.insert(inputs.end(), caches.begin(), caches.end());
      last = decoder.forward(inputs).toTensor().argmax(1);
      said.push_back(last);
      ended = ended.logical_or(last.eq(end));
      if (ended.all().item<bool>()) break;
    }
    return torch::stack(said, 1).cpu();
  }
};

Ids parse(const std::string& text) {
  std::istringstream words(text);
  Ids ids;
  for (int64_t id = 0; words >> id;) ids.push_back(id);
  if (!words.eof() || ids.empty()) throw std::runtime_error("'" + text + "' are no token ids");
  return ids;
}

}  // namespace

int main(int count, char** words) {
  if (count < 7) {
    std::cerr << "usage: translate BUNDLE DEVICE START END LIMIT IDS [IDS ...]\n";
    return 2;
  }
  try {
    const std::vector<std::string> given(words + 1, words + count);
    std::vector<Ids> sources;
    for (size_t i = 5; i < given.size(); ++i) sources.push_back(parse(given[i]));
    const int64_t end = parse(given[3])[0];
    Translator translator(given[0], torch::Device(given[1]));
    const Tensor said = translator.greedy(sources, parse(given[2])[0], end, parse(given[4])[0]);
    for (const Tensor& row : said.unbind(0)) {
      std::string separator;
      for (int64_t i = 0; i < row.size(0); ++i) {
        const auto id = row[i].item<int64_t>();
        std::cout << separator << id;
        separator = " ";
        if (id == end) break;
      }
      std::cout << '\n';
    }
  } catch (const c10::Error& error) {
    std::cerr << "translate: " << error.what_without_backtrace() << '\n';
    return 1;
  } catch (const std::exception& error) {
    std::cerr << "translate: " << error.what() << '\n';
    return 1;
  }
  return 0;
}
