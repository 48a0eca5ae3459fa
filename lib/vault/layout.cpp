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

std::optional<std::pair<std::uint64_t, std::string>> VaultLayout::aside_of(std::string_view name) {
  auto const slash = name.rfind('/');
  auto const last = slash == std::string_view::npos ? name : name.substr(slash + 1);
  if (last.size() != kDigits + 1 + 32 || last[kDigits] != '-') return std::nullopt;
  auto const number = number_of(last.substr(0, kDigits));
  auto const digest = last.substr(kDigits + 1);
  if (!number || digest.find_first_not_of("0123456789abcdef") != std::string_view::npos) return std::nullopt;
  return std::pair{*number, std::string{digest}};
}

}  // namespace farkeep
