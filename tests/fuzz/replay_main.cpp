// Stands in for libFuzzer where there is no clang: runs the target once over every input, and over every prefix of short
// ones, since input that ends too early is what parsers get wrong most.
//
//   replay_<name> FILE-OR-FOLDER…      ends with 1 when there was no input at all; a target that finds fault aborts
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
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

void replay(const std::filesystem::path& file) {
  std::printf("%s\n", file.c_str());
  std::fflush(stdout);  // the last line names the input that the target died of
  std::ifstream in(file, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  if (bytes.size() <= kShort)
    for (std::size_t n = 0; n < bytes.size(); ++n) run(bytes, n);
  run(bytes, bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t inputs = 0;
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      replay(argv[i]);
      ++inputs;
      continue;
    }
    for (const auto& file : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!file.is_regular_file()) continue;
      replay(file.path());
      ++inputs;
    }
  }
  std::printf("%zu inputs\n", inputs);
  return inputs > 0 ? 0 : 1;
}
