#include "vault/layout.hpp"

#include <charconv>

#include "base/log.hpp"

namespace farkeep {
namespace {
constexpr std::size_t kDigits = 16;
}

std::string VaultLayout::digits(std::uint64_t number) { return fmt::format("{:016x}", number); }

std::optional<std::uint64_t> VaultLayout::number_of(std::string_view name) {
  auto slash = name.rfind('/');
  std::string_view last = slash == std::string_view::npos ? name : name.substr(slash + 1);
  if (last.size() != kDigits) return std::nullopt;
  std::uint64_t number = 0;
  auto [end, error] = std::from_chars(last.data(), last.data() + last.size(), number, 16);
  if (error != std::errc{} || end != last.data() + last.size() || digits(number) != last) return std::nullopt;
  return number;
}

}  // namespace farkeep
