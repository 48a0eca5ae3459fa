#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.hpp"
#include "config/exclude.hpp"

// Rules up to the first NUL, a path behind it: compiling and deciding end, and the two ways to decide agree.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace farkeep;
  std::string_view const text{reinterpret_cast<const char*>(data), size};
  std::size_t const end = std::min(text.find('\0'), size);
  std::string const path = "/" + std::string{text.substr(std::min(end + 1, size))};
  auto const rules = ExcludeRules::parse(exclude_lines(text.substr(0, end), "fuzz"));
  FARKEEP_CHECK(rules.value.has_value() == rules.errors.empty());
  if (!rules) return 0;
  for (bool const is_folder : {false, true}) {
    auto const alone = rules.value->decide(path, is_folder);
    auto const from_root = rules.value->decide_from_root(path, is_folder);
    FARKEEP_CHECK(alone.verdict == ExcludeRules::Verdict::included ||
                  from_root.verdict == ExcludeRules::Verdict::excluded);
    FARKEEP_CHECK(alone.verdict == ExcludeRules::Verdict::included || alone.rule != nullptr);
  }
  return 0;
}
