// Stands in for libFuzzer where there is no clang: runs the target once over every input, and over every prefix of short
// ones, since input that ends too early is what parsers get wrong most.
//
//   replay_<name> FILE-OR-FOLDER…      ends with 1 when there was no input at all; a target that finds fault aborts
//
// Targets that clang 14 cannot compile (it knows no coroutines) hunt with it too, blindly: for so many seconds the inputs are bent, cut and joined at random, and
// each is written to FAULT before it is tried, so that the one that broke the target is there afterwards.
//   replay_<name> --hunt SECONDS FAULT FILE-OR-FOLDER…
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::size_t kShort = 512;  // prefixes of longer inputs cost seconds under the sanitizers and tell no more

/// A copy of just this size, so that a sanitizer sees the first byte read beyond it.
void run(const std::string& bytes, std::size_t size) {
  std::vector<std::uint8_t> input(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
  std::uint8_t nothing = 0;
  LLVMFuzzerTestOneInput(size ? input.data() : &nothing, size);
}

std::string content(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return std::string{std::istreambuf_iterator<char>(in), {}};
}

void replay(const std::filesystem::path& file) {
  std::printf("%s\n", file.c_str());
  std::fflush(stdout);  // the last line names the input that the target died of
  const std::string bytes = content(file);
  if (bytes.size() <= kShort)
    for (std::size_t n = 0; n < bytes.size(); ++n) run(bytes, n);
  run(bytes, bytes.size());
}

std::vector<std::filesystem::path> files_in(int argc, char** argv, int from) {
  std::vector<std::filesystem::path> out;
  for (int i = from; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      out.emplace_back(argv[i]);
      continue;
    }
    for (const auto& file : std::filesystem::recursive_directory_iterator(argv[i]))
      if (file.is_regular_file()) out.push_back(file.path());
  }
  return out;
}

class Hunt {
 public:
  explicit Hunt(const std::vector<std::filesystem::path>& files) {
    for (const auto& file : files) seeds_.push_back(content(file));
  }

  void run_for(std::chrono::seconds time, const std::string& fault) {
    std::size_t tried = 0;
    for (auto const end = std::chrono::steady_clock::now() + time; std::chrono::steady_clock::now() < end; ++tried) {
      const std::string input = bent();
      std::ofstream(fault, std::ios::binary) << input;
      run(input, input.size());
    }
    std::filesystem::remove(fault);
    std::printf("%zu inputs tried\n", tried);
  }

 private:
  static constexpr std::size_t kLongest = 4096;

  std::size_t below(std::size_t n) { return n == 0 ? 0 : random_() % n; }
  char byte() {
    static constexpr unsigned char kEdges[] = {0, 1, 0x7f, 0x80, 0xff};
    return static_cast<char>(below(3) == 0 ? kEdges[below(sizeof kEdges)] : random_());
  }
  std::string bent() {
    std::string out = seeds_[below(seeds_.size())];
    for (std::size_t n = 1 + below(8); n > 0; --n) {
      auto const at = below(out.size() + 1), size = std::min(below(12), out.size() - at);
      switch (below(6)) {
        case 0: if (at < out.size()) out[at] = byte(); break;
        case 1: out.insert(at, 1 + below(4), byte()); break;
        case 2: out.erase(at, size); break;
        case 3: out.insert(below(out.size() + 1), out.substr(at, size)); break;
        case 4: out.insert(at, seeds_[below(seeds_.size())]); break;
        default: if (at < out.size()) out[at] = static_cast<char>(out[at] ^ 1 << below(8)); break;
      }
    }
    if (out.size() > kLongest) out.resize(kLongest);
    return out;
  }

  std::mt19937_64 random_{std::random_device{}()};
  std::vector<std::string> seeds_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc > 4 && std::string{argv[1]} == "--hunt") {
    Hunt hunt{files_in(argc, argv, 4)};
    hunt.run_for(std::chrono::seconds{std::atoi(argv[2])}, argv[3]);
    return 0;
  }
  auto const inputs = files_in(argc, argv, 1);
  for (const auto& file : inputs) replay(file);
  std::printf("%zu inputs\n", inputs.size());
  return inputs.empty() ? 1 : 0;
}
